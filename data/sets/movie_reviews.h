// MR, the sentence polarity data set v1.0 (Pang & Lee 2005, Seeing stars) as the paper uses it (section 5.2), with the
// pre-processing of Kim 2014.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "data/dataset.h"
#include "data/text/text.h"

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
  // What was read: "5331 sentences in 'mr/rt-polarity.neg' (UTF-8), 5331 in ...".
  std::string source;
};

// Reads rt-polarity.neg and rt-polarity.pos from a folder, or from one up to three levels within it, as the archive
// unpacks: a sentence a line, in ASCII, UTF-8 (a byte order mark may begin it), Latin-1 or CP1252, which is told by the
// content; cleaning keeps no character but ASCII's, so that the words are the same in all of them (see clean_sentence
// and pad_sentences for what becomes of a sentence). Lines end with a line feed, a carriage return before it or alone;
// blank lines may end the file. Throws Error, naming the file, where one is missing or empty, where a line (named too)
// is blank or holds no word after cleaning, or is so long that all sentences at its length would take more than 128 MiB
// and 16 bytes for each byte of text, for UTF-16, for fewer than 3 sentences, and for options that pad_sentences and
// Vocabulary reject.
MovieReviews load_movie_reviews(const std::filesystem::path& directory, const MovieReviewsOptions& options = {});

// The folder "mr" in the working directory. No package provides the files: unpack rt-polaritydata.tar.gz from
// https://www.cs.cornell.edu/people/pabo/movie-review-data/ and name its folder.
std::filesystem::path movie_reviews_default_directory();

}  // namespace cofactor
