#include "data/text/text_array.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "data/text/vocabulary.h"
#include "engine/error.h"

namespace cofactor {

PaddedSentences pad_sentences(const std::vector<std::vector<int32_t>>& sentences, const PaddingOptions& options) {
  check(options.min_length >= 1, "text: a minimum length of {} words, expected at least 1", options.min_length);
  check(!options.max_length || *options.max_length >= options.min_length,
        "text: the maximum length, {}, is below the minimum length, {}", options.max_length.value_or(0),
        options.min_length);
  size_t length = static_cast<size_t>(options.max_length.value_or(options.min_length));
  if (!options.max_length)
    for (const auto& sentence : sentences) length = std::max(length, sentence.size());
  PaddedSentences padded;
  padded.length = static_cast<int64_t>(length);
  padded.indices.assign(sentences.size() * length, Vocabulary::kPadding);
  for (size_t i = 0; i < sentences.size(); ++i)
    std::copy_n(sentences[i].begin(), std::min(sentences[i].size(), length), padded.indices.data() + i * length);
  return padded;
}

TextArray::TextArray(PaddedSentences sentences, int64_t vocabulary_size, std::vector<int32_t> labels, int64_t classes,
                     TextSource source)
    : sentences_(std::move(sentences)), labels_(std::move(labels)), classes_(classes), source_(std::move(source)) {
  check(sentences_.length >= 1, "text: sentences of {} words, expected at least 1", sentences_.length);
  int64_t indices = 0;
  check(!__builtin_mul_overflow(size(), sentences_.length, &indices) &&
            static_cast<size_t>(indices) == sentences_.indices.size(),
        "text: {} indices, expected {} sentences (one per label) of {} words", sentences_.indices.size(), size(),
        sentences_.length);
  check_labels("text", labels_, classes);
  const auto length = static_cast<size_t>(sentences_.length);
  for (size_t i = 0; i < sentences_.indices.size(); ++i)
    check(sentences_.indices[i] >= 0 && sentences_.indices[i] < vocabulary_size,
          "text: index {} of word {} of sentence {} does not lie in [0, {})", sentences_.indices[i], i % length,
          i / length, vocabulary_size);
}

void TextArray::read(int64_t index, const RandomKey& /*augmentation*/, void* out) const {
  check(index >= 0 && index < size(), "text: sample {} of a data set of {}", index, size());
  const auto length = static_cast<size_t>(sentences_.length);
  std::memcpy(out, sentences_.indices.data() + static_cast<size_t>(index) * length, length * sizeof(int32_t));
}

std::string TextArray::sample_name(int64_t index) const {
  return source_.name ? source_.name(index) : std::string();
}

std::string TextArray::sample_text(int64_t index) const {
  return source_.text ? source_.text(index) : std::string();
}

}  // namespace cofactor
