#include <algorithm>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "data/checksum.h"
#include "data/sets/own_forms.h"
#include "data/text/sentences.h"
#include "data/text/text_array.h"
#include "engine/error.h"

namespace cofactor {

namespace {

constexpr uint64_t kMaxTextTableBytes = 128 << 20;  // the word indices may have this many bytes,
constexpr uint64_t kTextBytesPerByte = 4;           // or this many per byte of text: by default,
constexpr uint64_t kMaxBytesPerByte = 16;           // and at most

// The words of all texts, numbered in the order in which they come.
class NumberedTexts {
 public:
  // Returns the number of words in the text.
  int64_t add(std::string_view text) {
    bytes_ += text.size();
    const std::string clean = clean_text(text);
    checksums_.push_back(checksum_of(clean));
    std::string_view rest = clean;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find(' '), rest.size());
      numbers_.push_back(number_of(rest.substr(0, end)));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    ends_.push_back(numbers_.size());
    return static_cast<int64_t>(count_of(size() - 1));
  }
  void add_none() {
    checksums_.push_back(0);
    ends_.push_back(numbers_.size());
  }

  size_t size() const { return ends_.size(); }
  uint64_t bytes() const { return bytes_; }
  uint64_t checksum(size_t i) const { return checksums_[i]; }  // of the words
  const std::vector<std::string>& words() const { return words_; }
  std::span<const int32_t> text(size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::span(numbers_).subspan(begin, ends_[i] - begin);
  }
  size_t count_of(size_t i) const { return text(i).size(); }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view word) const { return std::hash<std::string_view>{}(word); }
  };

  int32_t number_of(std::string_view word) {
    const auto found = places_.find(word);
    if (found != places_.end()) return found->second;
    check(words_.size() < std::numeric_limits<int32_t>::max(), "text: more words than 32-bit numbers can count");
    words_.emplace_back(word);
    return places_.emplace(words_.back(), static_cast<int32_t>(words_.size() - 1)).first->second;
  }

  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> places_;
  std::vector<std::string> words_;
  std::vector<int32_t> numbers_;  // of the words of all texts
  std::vector<size_t> ends_;      // of each text
  std::vector<uint64_t> checksums_;
  uint64_t bytes_ = 0;
};

// Reads the texts of the rows that are used, and leaves those without a word out.
NumberedTexts read_texts(const OwnDataOptions& options, TableSamples& samples, OwnData& data) {
  NumberedTexts texts;
  std::vector<BrokenSample> empty;
  for (int64_t row = 0; row < samples.rows(); ++row) {
    if (samples.parts[static_cast<size_t>(row)] == RowPart::none) {
      texts.add_none();
    } else if (texts.add(samples.table->value(row, TableRole::text)) == 0) {
      empty.push_back({row, "the text has no word: no letter, digit or symbol"});
    }
  }
  leave_broken_rows_out(samples, std::move(empty), options.skip_broken, data.broken);
  return texts;
}

// Notes how many texts with the same words have different labels or are in different parts.
void note_repeated_texts(const NumberedTexts& texts, const TableSamples& samples, FileAccount& account) {
  std::vector<int64_t> rows;
  for (const int64_t row : samples.rows_in_use())
    if (samples.labels[static_cast<size_t>(row)] >= 0) rows.push_back(row);
  const auto checksum = [&](int64_t row) { return texts.checksum(static_cast<size_t>(row)); };
  std::ranges::sort(rows, {}, checksum);
  int64_t other_labels = 0, other_parts = 0;
  for (size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    bool label_differs = false, part_differs = false;
    for (end = begin; end < rows.size() && checksum(rows[end]) == checksum(rows[begin]); ++end) {
      const auto first = static_cast<size_t>(rows[begin]), row = static_cast<size_t>(rows[end]);
      label_differs = label_differs || samples.labels[row] != samples.labels[first];
      part_differs = part_differs || samples.parts[row] != samples.parts[first];
    }
    other_labels += label_differs ? 1 : 0;
    other_parts += part_differs ? 1 : 0;
  }
  if (other_labels > 0)
    account.note(fmt::format("{}: {} in several rows with different labels", samples.name,
                             counted(other_labels, "text is", "texts are")));
  if (other_parts > 0)
    account.note(
        fmt::format("{}: {} in several of the parts for training, validation and test, which makes them look "
                    "easier than new texts; a column of groups keeps rows together",
                    samples.name, counted(other_parts, "text is", "texts are")));
}

Vocabulary vocabulary_of(const NumberedTexts& texts, const std::vector<int64_t>& rows) {
  std::vector<bool> seen(texts.words().size());
  std::vector<std::vector<std::string>> distinct(1);
  for (const int64_t row : rows)
    for (const int32_t number : texts.text(static_cast<size_t>(row))) {
      const auto place = static_cast<size_t>(number);
      if (!seen[place]) distinct[0].push_back(texts.words()[place]);
      seen[place] = true;
    }
  return Vocabulary(distinct);
}

// The length of all texts, in words.
int64_t length_of(const NumberedTexts& texts, const OwnDataOptions& options, const TableSamples& samples,
                  FileAccount& account) {
  check(options.min_length >= 1, "text: a minimum length of {} words, expected at least 1", options.min_length);
  check(!options.max_length || *options.max_length >= options.min_length,
        "text: the maximum length, {}, is below the minimum length, {}", options.max_length.value_or(0),
        options.min_length);
  size_t longest = 0;
  for (size_t i = 0; i < texts.size(); ++i)
    if (texts.count_of(i) > texts.count_of(longest)) longest = i;
  const auto words = static_cast<int64_t>(texts.count_of(longest));
  const uint64_t row_bytes = texts.size() * sizeof(int32_t);
  const auto fitting = [&](uint64_t bytes_per_byte) {
    return static_cast<int64_t>(std::max(kMaxTextTableBytes, bytes_per_byte * texts.bytes()) / row_bytes);
  };
  const int64_t most = options.max_length.value_or(std::min(kMaxDefaultWords, fitting(kTextBytesPerByte)));
  const int64_t length = std::max(options.min_length, std::min(words, most));
  check(length <= fitting(kMaxBytesPerByte) || length == options.min_length,
        "{}: {} of {} words would take {} MiB; the longest has {} words. --max-length keeps only the first words of "
        "each text",
        samples.place(static_cast<int64_t>(longest)), counted(samples.rows(), "text", "texts"), in_thousands(length),
        in_thousands(length * static_cast<int64_t>(row_bytes >> 20)), in_thousands(words));
  int64_t cut = 0;
  for (size_t i = 0; i < texts.size(); ++i) cut += static_cast<int64_t>(texts.count_of(i)) > length ? 1 : 0;
  if (cut > 0)
    account.note(fmt::format("{}: of {} than {} words only the first {} are used; the longest has {} (line {}){}",
                             samples.name, counted(cut, "text with more", "texts with more"), in_thousands(length),
                             in_thousands(length), in_thousands(words),
                             in_thousands(samples.table->line(static_cast<int64_t>(longest))),
                             options.max_length ? "" : ". --max-length sets another number"));
  return length;
}

// The texts as word indices of one length.
std::shared_ptr<const TextArray> text_array_of(const NumberedTexts& texts, const TableSamples& samples,
                                               const OwnData& data) {
  std::vector<int32_t> index_of;
  index_of.reserve(texts.words().size());
  for (const std::string& word : texts.words()) index_of.push_back(data.vocabulary->index_of(word));
  const auto length = static_cast<size_t>(data.length);
  PaddedSentences padded{.indices = std::vector<int32_t>(texts.size() * length, Vocabulary::kPadding),
                         .length = data.length};
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto text = texts.text(i);
    for (size_t w = 0; w < std::min(length, text.size()); ++w)
      padded.indices[i * length + w] = index_of[static_cast<size_t>(text[w])];
  }
  const auto table = samples.table;
  return std::make_shared<const TextArray>(
      std::move(padded), data.vocabulary->size(), samples.labels_or_zero(), static_cast<int64_t>(data.classes.size()),
      TextSource{.name = samples.sample_name,
                 .text = [table](int64_t row) { return table->value(row, TableRole::text); }});
}

}  // namespace

void load_table_texts(const OwnDataOptions& options, TableSamples& samples, OwnData& data) {
  const NumberedTexts texts = read_texts(options, samples, data);
  check_classes_present(samples, data.broken);
  data.vocabulary = vocabulary_of(texts, samples.rows_of(RowPart::train));
  note_repeated_texts(texts, samples, data.account);
  data.length = length_of(texts, options, samples, data.account);
  set_splits(options, samples, text_array_of(texts, samples, data), data);
  if (options.test.empty()) return;
  TableSamples test = read_test_table(options, data.classes, data.account);
  const NumberedTexts test_texts = read_texts(options, test, data);
  data.test = split_of(test, RowPart::test, text_array_of(test_texts, test, data));
}

}  // namespace cofactor
