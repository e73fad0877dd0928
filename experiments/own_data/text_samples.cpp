#include "experiments/own_data/text_samples.h"

#include <algorithm>
#include <utility>

#include "data/text/sentences.h"
#include "engine/error.h"

namespace cofactor {

void encode_text(std::string_view text, const Vocabulary& vocabulary, std::span<int32_t> indices) {
  std::vector<std::string> words = tokenize(clean_sentence(text));
  check(!words.empty(), "no word is left after cleaning, which keeps only letters, digits and (),!?'`");
  words.resize(std::min(words.size(), indices.size()));
  const std::vector<int32_t> found = vocabulary.encode(words);
  std::ranges::fill(std::ranges::copy(found, indices.begin()).out, indices.end(), Vocabulary::kPadding);
}

TextSamples::TextSamples(std::shared_ptr<const Vocabulary> vocabulary, int64_t length, Texts texts, int64_t classes)
    : vocabulary_(std::move(vocabulary)),
      length_(length),
      texts_(std::move(texts)),
      classes_(classes),
      labels_(static_cast<size_t>(texts_.count)) {}

void TextSamples::read(int64_t index, const RandomKey& /*augmentation*/, void* out) const {
  check(index >= 0 && index < size(), "text: sample {} of a data set of {}", index, size());
  try {
    encode_text(texts_.text(index), *vocabulary_, {static_cast<int32_t*>(out), static_cast<size_t>(length_)});
  } catch (const OutOfMemory&) {
    throw;
  } catch (const Error& error) {
    fail("{}: {}", texts_.place(index), error.what());
  }
}

}  // namespace cofactor
