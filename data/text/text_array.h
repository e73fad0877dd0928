// Sentences in memory as word indices of one length, as a data set.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace cofactor {

struct PaddingOptions {
  int64_t min_length = 5;                            // words; the widest filters of the paper's WordCNN span 5 words
  std::optional<int64_t> max_length = std::nullopt;  // words; none: as long as the longest sentence
};

struct PaddedSentences {
  std::vector<int32_t> indices;  // (N, length), row-major
  int64_t length = 0;
};

// Brings all sentences to one length: max_length if it is given, otherwise that of the longest sentence, but at least
// min_length. Padding follows the words; only the first words of longer sentences are kept. Throws Error if a length is
// below 1 or max_length is below min_length.
PaddedSentences pad_sentences(const std::vector<std::vector<int32_t>>& sentences, const PaddingOptions& options);

// Where a sample's name and its text are read when they are asked for, by several threads at once; null: it has none.
struct TextSource {
  std::function<std::string(int64_t index)> name{}, text{};
};

// N sentences of length L as word indices: samples of shape (L) in i32.
class TextArray : public Dataset {
 public:
  // Word indices must be in [0, vocabulary_size). Throws Error if one is not, if the sizes do not agree, or if a label
  // is not in [0, classes).
  TextArray(PaddedSentences sentences, int64_t vocabulary_size, std::vector<int32_t> labels, int64_t classes,
            TextSource source = {});
  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  Shape sample_shape() const override { return {sentences_.length}; }
  DType dtype() const override { return DType::i32; }
  const std::vector<int32_t>& labels() const override { return labels_; }
  int64_t classes() const override { return classes_; }
  void read(int64_t index, const RandomKey& augmentation, void* out) const override;
  std::string sample_name(int64_t index) const override;
  std::string sample_text(int64_t index) const override;

 private:
  PaddedSentences sentences_;
  std::vector<int32_t> labels_;
  int64_t classes_;
  TextSource source_;
};

}  // namespace cofactor
