// Maps words to the indices of an embedding table.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cofactor {

// Index 0 is padding, index 1 stands for every unknown word, and words have indices from 2 on.
class Vocabulary {
 public:
  static constexpr int32_t kPadding = 0;
  static constexpr int32_t kUnknown = 1;
  static constexpr int32_t kFirstWord = 2;

  // The words that occur at least min_count times in all sentences, in the order of their first occurrence. Throws
  // Error if min_count is below 1 or no word is left.
  explicit Vocabulary(const std::vector<std::vector<std::string>>& sentences, int64_t min_count = 1);

  // The number of indices, including padding and the unknown word: the number of rows of an embedding table.
  int64_t size() const { return static_cast<int64_t>(words_.size()) + kFirstWord; }
  // The index of a word; kUnknown if it is not in the vocabulary.
  int32_t index_of(std::string_view word) const;
  // The word of an index. Throws Error unless it is in [kFirstWord, size()).
  const std::string& word(int32_t index) const;
  // The index of each word.
  std::vector<int32_t> encode(const std::vector<std::string>& words) const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view word) const { return std::hash<std::string_view>{}(word); }
  };

  std::vector<std::string> words_;
  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> index_;
};

}  // namespace cofactor
