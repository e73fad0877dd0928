#include "data/text/text_array.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <limits>
#include <utility>

namespace cofactor {

namespace {

constexpr std::string_view kWhiteSpace = " \t\n\v\f\r";
constexpr std::string_view kKeptMarks = "(),!?'`";
constexpr std::string_view kMarksOfTheirOwn = ",!()?";
constexpr std::array<std::string_view, 6> kContractions = {"'s", "'ve", "n't", "'re", "'d", "'ll"};

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

bool is_kept(char c) {
  return is_upper(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         kKeptMarks.find(c) != std::string_view::npos;
}

char to_lower(char c) {
  return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

// Adds a character, but no blank at the front or after another.
void append(std::string& text, char c) {
  if (c != ' ' || (!text.empty() && text.back() != ' ')) text += c;
}

}  // namespace

// One pass does what the published code does in one a rule: no two contractions share their first character.
std::string clean_sentence(std::string_view sentence) {
  std::string clean;
  for (size_t i = 0; i < sentence.size(); ++i) {
    const char c = is_kept(sentence[i]) ? sentence[i] : ' ';
    const std::string_view rest = sentence.substr(i);
    const bool mark = kMarksOfTheirOwn.find(c) != std::string_view::npos;
    if (mark || std::ranges::any_of(kContractions, [&](std::string_view part) { return rest.starts_with(part); }))
      append(clean, ' ');
    append(clean, to_lower(c));
    if (mark) append(clean, ' ');
  }
  if (clean.ends_with(' ')) clean.pop_back();
  return clean;
}

std::vector<std::string> tokenize(std::string_view text) {
  std::vector<std::string> words;
  size_t begin = text.find_first_not_of(kWhiteSpace);
  while (begin != std::string_view::npos) {
    const size_t end = std::min(text.find_first_of(kWhiteSpace, begin), text.size());
    words.emplace_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(kWhiteSpace, end);
  }
  return words;
}

Vocabulary::Vocabulary(const std::vector<std::vector<std::string>>& sentences, int64_t min_count) {
  check(min_count >= 1, "vocabulary: a word cannot be asked to occur at least {} times", min_count);
  std::unordered_map<std::string_view, int64_t> counts;
  for (const auto& sentence : sentences)
    for (const std::string& word : sentence) ++counts[word];
  for (const auto& sentence : sentences)
    for (const std::string& word : sentence)
      if (counts[word] >= min_count && index_.emplace(word, static_cast<int32_t>(size())).second)
        words_.push_back(word);
  check(!words_.empty(), "vocabulary: no word occurs at least {} times in {} sentences", min_count, sentences.size());
  check(size() <= std::numeric_limits<int32_t>::max(), "vocabulary: {} words are more than 32 bits count",
        words_.size());
}

int32_t Vocabulary::index_of(std::string_view word) const {
  const auto found = index_.find(word);
  return found == index_.end() ? kUnknown : found->second;
}

const std::string& Vocabulary::word(int32_t index) const {
  check(index >= kFirstWord && index < size(), "vocabulary: index {} is no word's; words lie in [{}, {})", index,
        kFirstWord, size());
  return words_[static_cast<size_t>(index - kFirstWord)];
}

std::vector<int32_t> Vocabulary::encode(const std::vector<std::string>& words) const {
  std::vector<int32_t> indices;
  indices.reserve(words.size());
  for (const std::string& word : words) indices.push_back(index_of(word));
  return indices;
}

PaddedSentences pad_sentences(const std::vector<std::vector<int32_t>>& sentences, const PaddingOptions& options) {
  check(options.min_length >= 1, "text: {} is not a sentence's least length", options.min_length);
  check(!options.max_length || *options.max_length >= options.min_length,
        "text: the greatest length of a sentence, {}, lies below the least, {}", options.max_length.value_or(0),
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

TextArray::TextArray(PaddedSentences sentences, int64_t vocabulary_size, std::vector<int32_t> labels, int64_t classes)
    : sentences_(std::move(sentences)), labels_(std::move(labels)), classes_(classes) {
  check(sentences_.length >= 1, "text: {} is not the length of a sentence", sentences_.length);
  int64_t indices = 0;
  check(!__builtin_mul_overflow(size(), sentences_.length, &indices) &&
            static_cast<size_t>(indices) == sentences_.indices.size(),
        "text: {} indices are not {} sentences (one a label) of {} words", sentences_.indices.size(), size(),
        sentences_.length);
  check(classes >= 1, "text: {} is not a number of classes", classes);
  for (size_t i = 0; i < labels_.size(); ++i)
    check(labels_[i] >= 0 && labels_[i] < classes, "text: label {} of sentence {} does not lie in [0, {})", labels_[i],
          i, classes);
  const auto length = static_cast<size_t>(sentences_.length);
  for (size_t i = 0; i < sentences_.indices.size(); ++i)
    check(sentences_.indices[i] >= 0 && sentences_.indices[i] < vocabulary_size,
          "text: index {} of word {} of sentence {} does not lie in [0, {})", sentences_.indices[i], i % length,
          i / length, vocabulary_size);
}

void TextArray::read(int64_t index, const RandomKey& /*augmentation*/, void* out) const {
  check(index >= 0 && index < size(), "text: sentence {} does not exist among {}", index, size());
  const auto length = static_cast<size_t>(sentences_.length);
  std::memcpy(out, sentences_.indices.data() + static_cast<size_t>(index) * length, length * sizeof(int32_t));
}

}  // namespace cofactor
