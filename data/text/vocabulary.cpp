#include "data/text/vocabulary.h"

#include <limits>

#include "engine/error.h"

namespace cofactor {

Vocabulary::Vocabulary(const std::vector<std::vector<std::string>>& sentences, int64_t min_count) {
  check(min_count >= 1, "vocabulary: a minimum count of {}, expected at least 1", min_count);
  std::unordered_map<std::string_view, int64_t> counts;
  for (const auto& sentence : sentences)
    for (const std::string& word : sentence) ++counts[word];
  for (const auto& sentence : sentences)
    for (const std::string& word : sentence)
      if (counts[word] >= min_count && index_.emplace(word, static_cast<int32_t>(size())).second)
        words_.push_back(word);
  check(!words_.empty(), "vocabulary: no word occurs at least {} times in {} sentences", min_count, sentences.size());
  check(size() <= std::numeric_limits<int32_t>::max(), "vocabulary: {} words are more than 32-bit indices can number",
        words_.size());
}

int32_t Vocabulary::index_of(std::string_view word) const {
  const auto found = index_.find(word);
  return found == index_.end() ? kUnknown : found->second;
}

const std::string& Vocabulary::word(int32_t index) const {
  check(index >= kFirstWord && index < size(),
        "vocabulary: index {} is not that of a word, expected an index in [{}, {})", index, kFirstWord, size());
  return words_[static_cast<size_t>(index - kFirstWord)];
}

std::vector<int32_t> Vocabulary::encode(const std::vector<std::string>& words) const {
  std::vector<int32_t> indices;
  indices.reserve(words.size());
  for (const std::string& word : words) indices.push_back(index_of(word));
  return indices;
}

}  // namespace cofactor
