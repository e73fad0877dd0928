#include "experiments/own_data/text_samples.h"

#include <algorithm>
#include <utility>

#include "engine/error.h"

namespace cofactor {

void TextEncoder::encode(std::string_view text, int32_t* indices) const {
  const std::vector<int32_t> words = vocabulary_.encode(words_of(text, tokeniser_));
  const auto used = std::min(std::ssize(words), length_);
  std::copy_n(words.begin(), used, indices);
  std::fill_n(indices + used, length_ - used, Vocabulary::kPadding);
}

TextSamples::TextSamples(std::shared_ptr<const TextEncoder> encoder, Texts texts, int64_t classes)
    : encoder_(std::move(encoder)),
      texts_(std::move(texts)),
      classes_(classes),
      labels_(static_cast<size_t>(texts_.count)) {}

void TextSamples::read(int64_t index, const RandomKey& /*augmentation*/, void* out) const {
  check(index >= 0 && index < size(), "text: sample {} of a data set of {}", index, size());
  try {
    encoder_->encode(texts_.text(index), static_cast<int32_t*>(out));
  } catch (const OutOfMemory&) {
    throw;
  } catch (const Error& error) {
    fail("{}: {}", texts_.place(index), error.what());
  }
}

}  // namespace cofactor
