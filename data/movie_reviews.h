// MR, the sentence polarity data set v1.0 (Pang & Lee 2005, Seeing stars) as the paper uses it (section 5.2), with the
// pre-processing of Kim 2014.
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string_view>

#include "data/dataset.h"
#include "data/noise.h"
#include "data/text.h"

namespace cofactor {

struct MovieReviewsOptions {
  uint64_t split_seed = 0;                           // of the permutation that deals sentences to the three parts
  int64_t min_length = 5;                            // words; shorter sentences are padded
  std::optional<int64_t> max_length = std::nullopt;  // words; none: the longest sentence's (56 in the original files)
  int64_t min_count = 1;                             // words that occur less often are the unknown word
};

// Class 0 is negative, class 1 positive. The parts are of one data set, the negative sentences first, each class in the
// order of its file: a sentence's index, and with it the draw of its noisy label, depends neither on the split's seed
// nor on the lengths. Of n sentences, random_permutation({split_seed, Purpose::split}, n) gives the last ceil(n / 10)
// to the test, a fifth of the rest, rounded up, before them to the validation, and those at its front to training.
struct MovieReviews {
  Split train;       // 7,676 of the original's 10,662 sentences
  Split validation;  // 1,919
  Split test;        // 1,067
  // Over the sentences of all three parts, as Kim's code builds it; no label is used.
  Vocabulary vocabulary;
};

// Reads rt-polarity.neg and rt-polarity.pos from a folder: Latin-1, a sentence a line (see clean_sentence and
// pad_sentences for what becomes of it). A line feed ends a line; the file's last line may lack it. Throws Error,
// naming the file, where one is missing or empty, where a line (named too) is blank or holds no word after cleaning,
// for a file in UTF-8 or UTF-16, for fewer than 3 sentences, and for options that pad_sentences and Vocabulary reject.
MovieReviews load_movie_reviews(const std::filesystem::path& directory, const MovieReviewsOptions& options = {});

// The folder "mr" in the working directory. No package provides the files: unpack rt-polaritydata.tar.gz from
// https://www.cs.cornell.edu/people/pabo/movie-review-data/ and name its folder.
std::filesystem::path movie_reviews_default_directory();

// The experiment's noises, by the names of the command line.
inline constexpr std::array<std::string_view, 1> kMovieReviewsNoises = {"positive-to-negative"};

// positive-to-negative [[1, 0], [r, 1 - r]]. Throws Error for any other name and for a rate outside [0, 1].
TransitionMatrix movie_reviews_noise(std::string_view name, double rate);

}  // namespace cofactor
