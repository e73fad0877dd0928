// Reads pre-trained word vectors, as the initial values of an embedding table.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "data/text/vocabulary.h"

namespace cofactor {

struct WordVectors {
  int64_t dimension = 0;      // D
  std::vector<float> values;  // (V, D), row-major: one row per index of the vocabulary
  int64_t found = 0;          // number of words whose vectors are in the file
};

// Reads the vectors of a vocabulary's words from a file in one of three formats:
//   - word2vec binary (Mikolov et al. 2013): a line "count D", then for each word its bytes, a space, D little-endian
//     f32 and, in most files, a line feed;
//   - word2vec text: a line of two whole numbers, "count D", then lines as in GloVe's format;
//   - GloVe text (Pennington et al. 2014): a word and D numbers on each line, separated by spaces. Words may contain
//     spaces if their last part is not a number (some in glove.840B do); such words are in no vocabulary.
// The format is recognised by the content, not by the name. Text may begin with a UTF-8 byte order mark and end with
// blank lines, and numbers may have a plus sign. The file is read through a buffer, and the vectors of words that are
// not in the vocabulary are skipped unparsed. If a word occurs several times, the first vector counts.
//
// The row of padding is zero. The rows of the unknown word and of words that are not found are drawn uniformly from
// [-a, a], where a = sqrt(3 v) gives them the variance v of all values of the vectors found (Kim 2014, whose published
// code uses a = 0.25 for word2vec's vectors). Value d of row i is draw d of {seed, Purpose::weights, 0, i}, which no
// initial weights of a layer use (their step is 0; i is at least 1).
//
// Throws Error, with the file and the byte or the line, if the file is missing, empty, compressed or cut short; if its
// vectors have another dimension than expected_dimension, or different ones; if a value is not a finite f32; if the
// header is missing or does not agree with the file; if the vocabulary's table would take more than 128 MiB and more
// than 16 bytes per byte of the file; and if no word of the vocabulary is found.
WordVectors load_word_vectors(const std::filesystem::path& path, const Vocabulary& vocabulary,
                              std::optional<int64_t> expected_dimension, uint64_t seed);

}  // namespace cofactor
