// Word vectors that others have trained, as the first values of an embedding table.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "data/text/text_array.h"

namespace cofactor {

struct WordVectors {
  int64_t dimension = 0;      // D
  std::vector<float> values;  // (V, D), row-major: a row for each index of the vocabulary
  int64_t found = 0;          // words whose vectors are the file's
};

// Reads the vectors of a vocabulary's words from one of
//   - word2vec's binary file (Mikolov et al. 2013): a line "count D", and for each word its bytes, a blank, D
//     little-endian f32 and, in most files, a line feed;
//   - word2vec's text file: a line of two whole numbers, "count D", then lines as GloVe's;
//   - GloVe's text file (Pennington et al. 2014): on each line a word and D numbers, parted by blanks. A word may hold
//     blanks if its last part is no number (as some in glove.840B do); no vocabulary's word does.
// Which one it is shows in the content, not in the name. A text may begin with UTF-8's byte order mark and end with
// blank lines; numbers may have a plus sign. The file is read in pieces, and of words that the vocabulary does not hold
// the vectors are passed over unparsed. Where a word occurs twice, the first counts. Padding is zero. The unknown word
// and the words that are not found are drawn uniformly from [-a, a], where a = sqrt(3 v) gives them the variance v of
// all the found vectors' values (Kim 2014, whose published code takes 0.25 for word2vec's vectors): value d of word i
// is draw d of {seed, Purpose::weights, 0, i}, which no layer's initial weights use (their step is 0; i is at least 1).
//
// Throws Error, naming the file and the byte or line: a file that is missing, empty, compressed or cut short; vectors
// of another dimension than expected, or that differ in it; a value that is not a finite f32; a header without the
// numbers or with others than the file holds; a dimension at which the vocabulary's table takes more than 128 MiB and
// more than 16 bytes for each byte of the file; no word of the vocabulary.
WordVectors load_word_vectors(const std::filesystem::path& path, const Vocabulary& vocabulary,
                              std::optional<int64_t> expected_dimension, uint64_t seed);

}  // namespace cofactor
