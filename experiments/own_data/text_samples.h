// Texts as word indices, made each time a text is read.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "data/text/vocabulary.h"
#include "experiments/own_data/run_model.h"

namespace cofactor {

// Makes the input of a network of a text.
class TextEncoder {
 public:
  explicit TextEncoder(const TextInput& input)
      : tokeniser_(input.tokeniser), vocabulary_(vocabulary_of(input)), length_(input.length) {}
  int64_t length() const { return length_; }
  // Writes the indices of the text's words and padding to the length() numbers of `indices`; of a longer text only the
  // first words. Throws Error as words_of does.
  void encode(std::string_view text, int32_t* indices) const;

 private:
  Tokeniser tokeniser_;
  Vocabulary vocabulary_;
  int64_t length_;
};

// N texts, samples of shape (L) in i32. Only the texts themselves are kept, wherever they are.
class TextSamples : public Dataset {
 public:
  // The functions give a sample's text and name, and its place in messages ("'reviews.csv', line 7"). They may throw
  // Error, and are called by several threads at once.
  struct Texts {
    int64_t count = 0;
    std::function<std::string(int64_t index)> text, name, place;
  };
  TextSamples(std::shared_ptr<const TextEncoder> encoder, Texts texts, int64_t classes);
  int64_t size() const override { return texts_.count; }
  Shape sample_shape() const override { return {encoder_->length()}; }
  DType dtype() const override { return DType::i32; }
  const std::vector<int32_t>& labels() const override { return labels_; }  // all 0
  int64_t classes() const override { return classes_; }
  // Throws Error, with the text's place, as TextEncoder does.
  void read(int64_t index, const RandomKey& augmentation, void* out) const override;
  std::string sample_name(int64_t index) const override { return texts_.name(index); }

 private:
  std::shared_ptr<const TextEncoder> encoder_;
  Texts texts_;
  int64_t classes_;
  std::vector<int32_t> labels_;
};

}  // namespace cofactor
