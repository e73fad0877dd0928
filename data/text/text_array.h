// Sentences as a network takes them: cleaning, words, a vocabulary, indices padded to one length.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/dataset.h"

namespace cofactor {

// The rules of the code published with Kim 2014 (Convolutional neural networks for sentence classification,
// arXiv:1408.5882), in its order:
//   1. every byte but ASCII letters, digits and ( ) , ! ? ' ` becomes a blank (so an accented letter splits its word);
//   2. 's, 've, 're, 'd, 'll and n't, in lower case, are cut off from what stands before them, wherever they occur:
//      "it's" gives "it 's", "don't" gives "do n't", but "IT'S" stays one word;
//   3. each of , ! ( ) ? is a word of its own (the published code's Python writes the last three as \( \) \?, an
//   accident
//      of its escapes; here they are the marks alone);
//   4. runs of blanks become one, those at both ends go, and letters become lower case.
// Does not depend on the locale.
std::string clean_sentence(std::string_view sentence);

// The words of a text, which are parted by ASCII white space.
std::vector<std::string> tokenize(std::string_view text);

// Words and their indices: 0 is padding, 1 stands for every unknown word, words count from 2.
class Vocabulary {
 public:
  static constexpr int32_t kPadding = 0;
  static constexpr int32_t kUnknown = 1;
  static constexpr int32_t kFirstWord = 2;

  // The words that occur at least min_count times in all sentences, in the order of their first occurrence. Throws
  // Error for a min_count below 1, and where no word is left.
  explicit Vocabulary(const std::vector<std::vector<std::string>>& sentences, int64_t min_count = 1);

  // How many indices there are, padding and the unknown word among them: the height of an embedding table.
  int64_t size() const { return static_cast<int64_t>(words_.size()) + kFirstWord; }
  // kUnknown for a word that is not held.
  int32_t index_of(std::string_view word) const;
  // The word of an index from 2 on; any other index is an Error.
  const std::string& word(int32_t index) const;
  std::vector<int32_t> encode(const std::vector<std::string>& words) const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view word) const { return std::hash<std::string_view>{}(word); }
  };

  std::vector<std::string> words_;
  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> index_;
};

struct PaddingOptions {
  int64_t min_length = 5;                            // the widest word convolution of the paper's network reads 5 words
  std::optional<int64_t> max_length = std::nullopt;  // none: as long as the longest sentence
};

struct PaddedSentences {
  std::vector<int32_t> indices;  // (N, length), row-major
  int64_t length = 0;
};

// All sentences at one length: max_length where it is given, else that of the longest, but at least min_length. Padding
// follows the words; of a sentence that is longer the first words are kept. Throws Error for lengths below 1 and for a
// max_length below min_length.
PaddedSentences pad_sentences(const std::vector<std::vector<int32_t>>& sentences, const PaddingOptions& options);

// Sentences of one length as word indices: samples of shape (length), i32.
class TextArray : public Dataset {
 public:
  // vocabulary_size: what every index lies below. Throws Error where the sizes do not fit, or where an index or a label
  // lies outside its range.
  TextArray(PaddedSentences sentences, int64_t vocabulary_size, std::vector<int32_t> labels, int64_t classes);
  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  Shape sample_shape() const override { return {sentences_.length}; }
  DType dtype() const override { return DType::i32; }
  const std::vector<int32_t>& labels() const override { return labels_; }
  int64_t classes() const override { return classes_; }
  void read(int64_t index, const RandomKey& augmentation, void* out) const override;

 private:
  PaddedSentences sentences_;
  std::vector<int32_t> labels_;
  int64_t classes_;
};

}  // namespace cofactor
