// MR, the sentence polarity data set v1.0 of movie reviews (Pang & Lee 2005, Seeing stars) as the paper uses it
// (section 5.2), with the pre-processing of Kim 2014.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "data/dataset.h"
#include "data/text/text_array.h"
#include "data/text/vocabulary.h"

namespace cofactor {

struct MovieReviewsOptions {
  uint64_t split_seed = 0;                           // of the split into training, validation and test
  int64_t min_length = 5;                            // words; shorter sentences are padded
  std::optional<int64_t> max_length = std::nullopt;  // words; none: that of the longest sentence (56 in MR)
  int64_t min_count = 1;                             // rarer words become the unknown word
};

// Class 0 is negative, class 1 is positive. Samples are word indices (L) in i32. The parts are of one data set,
// negative sentences first, each class in the order of its file, so that the index of a sentence, and with it the draw
// of its noisy label, depends neither on split_seed nor on the lengths. Of random_permutation({split_seed,
// Purpose::split}, n), the last ceil(n / 10) sentences are for test, a fifth of the rest, rounded up, before them for
// validation, and the others for training.
struct MovieReviews {
  Split train;       // 7,676 of MR's 10,662 sentences
  Split validation;  // 1,919
  Split test;        // 1,067
  // The words of all three parts, as in Kim's code. No labels are used.
  Vocabulary vocabulary;
  // The files read: "5331 sentences in 'mr/rt-polarity.neg' (UTF-8), 5331 in ...".
  std::string source;
};

// Reads rt-polarity.neg and rt-polarity.pos, with one sentence per line, from a folder or from a folder up to three
// levels inside it, as the archive unpacks. Sentences are cleaned (sentences.h) and padded to one length
// (text_array.h). The encoding may be ASCII, UTF-8 (with or without a byte order mark), Latin-1 or CP1252, and is
// recognised by the content; since cleaning keeps only ASCII characters, the words are the same in all of them. Lines
// may end with LF, CR LF or CR, and the file with blank lines.
//
// Throws Error, with the file and the line, if a file is missing, empty or UTF-16; if a line is blank or has no word
// left after cleaning; if a line is so long that all sentences at its length would take more than 128 MiB and more than
// 16 bytes per byte of text; if there are fewer than 3 sentences; and as pad_sentences and Vocabulary do.
MovieReviews load_movie_reviews(const std::filesystem::path& directory, const MovieReviewsOptions& options = {});

// The folder "mr" in the working directory. The files are in rt-polaritydata.tar.gz from
// https://www.cs.cornell.edu/people/pabo/movie-review-data/.
std::filesystem::path movie_reviews_default_directory();

}  // namespace cofactor
