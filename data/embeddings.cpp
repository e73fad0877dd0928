#include "data/embeddings.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "engine/random.h"

namespace cofactor {

namespace {

static_assert(std::endian::native == std::endian::little, "word2vec's binary files hold little-endian numbers");

constexpr size_t kPiece = size_t{1} << 20;        // bytes read at once
constexpr size_t kLongestLine = size_t{1} << 20;  // bytes; far above any line of vectors
constexpr size_t kLongestWord = 1000;             // bytes, in a binary file
constexpr int64_t kLargestDimension = 1 << 16;    // so that a header that lies asks for no absurd table

// A file read in pieces. The views that it hands out hold until the next call.
class PieceReader {
 public:
  explicit PieceReader(const std::filesystem::path& path)
      : path_(path.string()), file_(std::fopen(path_.c_str(), "rb"), &std::fclose), buffer_(2 * kPiece) {
    if (!file_) fail("embeddings: cannot open '{}': {}", path_, std::generic_category().message(errno));
  }

  const std::string& path() const { return path_; }
  size_t offset() const { return offset_; }  // of the next byte
  bool at_end() { return begin_ == end_ && !refill(); }

  // The next bytes without passing over them: `size`, or as many as are left. size <= kPiece.
  std::string_view peek(size_t size) {
    while (end_ - begin_ < size && refill()) continue;
    return {buffer_.data() + begin_, std::min(size, end_ - begin_)};
  }

  void skip(size_t size) {
    begin_ += size;
    offset_ += size;
  }

  // The next `size` bytes, fewer only where the file ends.
  std::string_view take(size_t size) {
    const auto bytes = peek(size);
    skip(bytes.size());
    return bytes;
  }

  // The bytes before the next `mark`, which is passed over too; nothing where none comes within `limit` bytes (at most
  // kPiece). The file's end stands for the mark where may_end says so.
  std::optional<std::string_view> take_until(char mark, size_t limit, bool may_end) {
    size_t searched = 0;
    for (;;) {
      const size_t buffered = std::min(end_ - begin_, limit + 1);
      const void* found = std::memchr(buffer_.data() + begin_ + searched, mark, buffered - searched);
      if (found != nullptr) {
        const auto length = static_cast<size_t>(static_cast<const char*>(found) - (buffer_.data() + begin_));
        return take(length + 1).substr(0, length);
      }
      if (buffered > limit) return std::nullopt;
      searched = buffered;
      if (!refill()) return may_end ? std::optional(take(end_ - begin_)) : std::nullopt;
    }
  }

 private:
  // Buffers more of the file; false at its end.
  bool refill() {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    const size_t got = std::fread(buffer_.data() + end_, 1, std::min(kPiece, buffer_.size() - end_), file_.get());
    if (std::ferror(file_.get()))
      fail("embeddings: '{}': reading fails at byte {}: {}", path_, offset_ + end_,
           std::generic_category().message(errno));
    end_ += got;
    return got > 0;
  }

  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;  // of what is buffered and not yet passed over
  size_t offset_ = 0;
};

// The table as it fills.
class VectorTable {
 public:
  VectorTable(const Vocabulary& vocabulary, int64_t dimension)
      : vocabulary_(vocabulary), is_found_(static_cast<size_t>(vocabulary.size())) {
    result_.dimension = dimension;
    result_.values.resize(static_cast<size_t>(vocabulary.size()) * static_cast<size_t>(dimension));
  }

  size_t dimension() const { return static_cast<size_t>(result_.dimension); }

  // The row that waits for the word's vector; null where there is none, or no longer.
  float* waiting_row(std::string_view word) {
    const auto index = static_cast<size_t>(vocabulary_.index_of(word));
    if (index == Vocabulary::kUnknown || is_found_[index]) return nullptr;
    is_found_[index] = true;
    ++result_.found;
    return result_.values.data() + index * dimension();
  }

  int64_t found() const { return result_.found; }

  // Draws the rows that nothing was found for, but padding's.
  WordVectors finish(uint64_t seed) && {
    const double a = std::sqrt(3.0 * variance_of_found());
    for (size_t i = Vocabulary::kUnknown; i < is_found_.size(); ++i) {
      if (is_found_[i]) continue;
      const RandomKey key{seed, Purpose::weights, 0, i};
      for (size_t d = 0; d < dimension(); ++d)
        result_.values[i * dimension() + d] = static_cast<float>(a * (2.0 * random_uniform(key, d) - 1.0));
    }
    return std::move(result_);
  }

 private:
  // Of all values of all found vectors, about their mean.
  double variance_of_found() const {
    const double count = static_cast<double>(result_.found) * static_cast<double>(result_.dimension);
    double mean = 0.0;
    for_each_found([&](float value) { mean += value / count; });
    double variance = 0.0;
    for_each_found([&](float value) { variance += (value - mean) * (value - mean) / count; });
    return variance;
  }

  template <class Visit>
  void for_each_found(const Visit& visit) const {
    for (size_t i = 0; i < is_found_.size(); ++i)
      if (is_found_[i])
        std::for_each_n(result_.values.begin() + static_cast<ptrdiff_t>(i * dimension()), dimension(), visit);
  }

  const Vocabulary& vocabulary_;
  std::vector<bool> is_found_;
  WordVectors result_;
};

// The parts of a line that blanks separate.
void split_fields(std::string_view line, std::vector<std::string_view>& fields) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  fields.clear();
  for (size_t at = 0; at < line.size();) {
    const size_t begin = at;
    while (at < line.size() && !is_blank(line[at])) ++at;
    if (at > begin) fields.push_back(line.substr(begin, at - begin));
    ++at;
  }
}

template <class Number>
std::optional<Number> parse(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The first line of word2vec's files.
struct VectorHeader {
  int64_t words = 0, dimension = 0;
};

// Nothing where the line is not two whole numbers.
std::optional<VectorHeader> parse_header(std::string_view line) {
  std::vector<std::string_view> fields;
  split_fields(line, fields);
  if (fields.size() != 2) return std::nullopt;
  const auto words = parse<int64_t>(fields[0]);
  const auto dimension = parse<int64_t>(fields[1]);
  if (!words || !dimension) return std::nullopt;
  return VectorHeader{*words, *dimension};
}

int64_t count_numbers(std::string_view line) {
  std::vector<std::string_view> fields;
  split_fields(line, fields);
  return static_cast<int64_t>(fields.size()) - 1;
}

void check_dimension(const std::string& path, int64_t dimension, std::optional<int64_t> expected) {
  check(dimension <= kLargestDimension, "embeddings: '{}': vectors of {} numbers, where at most {} can be", path,
        dimension, kLargestDimension);
  check(!expected || dimension == *expected, "embeddings: '{}' holds vectors of {} numbers, where {} were expected",
        path, dimension, expected.value_or(0));
}

// What can be said of a header before its words are read. A word takes at least `per_number` bytes a number and one
// more.
void check_header(const std::filesystem::path& path, const VectorHeader& header, int64_t per_number) {
  check(header.words >= 1 && header.dimension >= 1, "embeddings: '{}': the header says {} words of {} numbers",
        path.string(), header.words, header.dimension);
  int64_t least = 0;
  const bool overflows = __builtin_mul_overflow(header.dimension, per_number, &least) ||
                         __builtin_add_overflow(least, 1, &least) ||
                         __builtin_mul_overflow(least, header.words, &least);
  const auto size = static_cast<int64_t>(std::filesystem::file_size(path));
  check(
      !overflows && least <= size,
      "embeddings: '{}': the file ends at byte {}, but the header says {} words of {} numbers, which need more: it is "
      "cut short, or the header lies",
      path.string(), size, header.words, header.dimension);
}

void read_binary_vectors(PieceReader& file, const VectorHeader& header, VectorTable& table) {
  const auto skip_line_feed = [&] {
    if (file.peek(1) == "\n") file.skip(1);
  };
  const size_t bytes = table.dimension() * sizeof(float);
  for (int64_t i = 0; i < header.words; ++i) {
    skip_line_feed();
    const size_t begin = file.offset();
    const auto word = file.take_until(' ', kLongestWord, false);
    if (!word) {
      const size_t left = file.peek(kLongestWord + 1).size();
      check(left > kLongestWord, "embeddings: '{}': cut short at byte {}, at word {} of the header's {}", file.path(),
            begin + left, i + 1, header.words);
      fail("embeddings: '{}': no word ends within {} bytes of byte {}, where word {} of the header's {} should begin",
           file.path(), kLongestWord, begin, i + 1, header.words);
    }
    float* row = table.waiting_row(*word);
    const auto vector = file.take(bytes);
    check(vector.size() == bytes,
          "embeddings: '{}': cut short at byte {}, inside the vector of word {} of the header's {}", file.path(),
          file.offset(), i + 1, header.words);
    if (row == nullptr) continue;
    std::memcpy(row, vector.data(), bytes);
    for (size_t d = 0; d < table.dimension(); ++d)
      check(std::isfinite(row[d]), "embeddings: '{}': {} in the vector of word {} at byte {}", file.path(), row[d],
            i + 1, begin);
  }
  skip_line_feed();
  check(file.at_end(), "embeddings: '{}': the file goes on at byte {}, behind the header's {} words of {} numbers",
        file.path(), file.offset(), header.words, header.dimension);
}

std::string_view text_line(PieceReader& file, int64_t number) {
  const auto line = file.take_until('\n', kLongestLine, true);
  check(line.has_value(), "embeddings: '{}', line {}: longer than {} bytes, which no line of vectors is", file.path(),
        number, kLongestLine);
  return *line;
}

// One line of a text file: a word and its vector. `fields` is scratch.
void read_vector_line(std::string_view line, int64_t number, const PieceReader& file, VectorTable& table,
                      std::vector<std::string_view>& fields) {
  split_fields(line, fields);
  const size_t dimension = table.dimension();
  check(fields.size() > dimension,
        "embeddings: '{}', line {} (which ends at byte {}): {} numbers behind the word, where "
        "{} are expected",
        file.path(), number, file.offset(), fields.empty() ? 0 : fields.size() - 1, dimension);
  const size_t first = fields.size() - dimension;  // of the numbers
  if (first > 1) {
    check(!parse<double>(fields[first - 1]), "embeddings: '{}', line {}: more than the {} numbers that are expected",
          file.path(), number, dimension);
    return;  // a word with blanks
  }
  float* row = table.waiting_row(fields[0]);
  if (row == nullptr) return;
  for (size_t d = 0; d < dimension; ++d) {
    const auto value = parse<double>(fields[first + d]);
    check(value && std::abs(*value) <= std::numeric_limits<float>::max(),
          "embeddings: '{}', line {}: '{}' is not a finite f32", file.path(), number, fields[first + d]);
    row[d] = static_cast<float>(*value);
  }
}

// All lines, of which the first has been read.
void read_text_vectors(PieceReader& file, const std::string& first_line, const std::optional<VectorHeader>& header,
                       VectorTable& table) {
  std::vector<std::string_view> fields;
  if (!header) read_vector_line(first_line, 1, file, table, fields);
  int64_t words = 0;
  for (int64_t number = 2; !file.at_end(); ++number, ++words) {
    check(!header || words < header->words, "embeddings: '{}', line {}: the file goes on behind the header's {} words",
          file.path(), number, words);
    read_vector_line(text_line(file, number), number, file, table, fields);
  }
  check(!header || words == header->words, "embeddings: '{}': cut short at byte {}, after {} words of the header's {}",
        file.path(), file.offset(), words, header ? header->words : 0);
}

// Opens a file that is there, has content and is not compressed.
PieceReader open_vectors(const std::filesystem::path& path) {
  std::error_code error;
  const auto type = std::filesystem::status(path, error).type();
  check(type != std::filesystem::file_type::not_found, "embeddings: '{}' does not exist", path.string());
  check(type == std::filesystem::file_type::regular || error, "embeddings: '{}' is not a regular file", path.string());
  PieceReader file(path);
  check(!file.at_end(), "embeddings: '{}' is empty", path.string());
  check(file.peek(2) != "\x1F\x8B", "embeddings: '{}' is compressed by gzip; gunzip makes the file that is read here",
        path.string());
  check(file.peek(4) != "PK\x03\x04", "embeddings: '{}' is a zip archive; unzip makes the file that is read here",
        path.string());
  return file;
}

}  // namespace

WordVectors load_word_vectors(const std::filesystem::path& path, const Vocabulary& vocabulary,
                              std::optional<int64_t> expected_dimension, uint64_t seed) {
  PieceReader file = open_vectors(path);
  const bool is_binary = path.extension() == ".bin";
  std::string first_line;
  if (is_binary)
    first_line = file.take_until('\n', kLongestWord, true).value_or("");
  else
    first_line = text_line(file, 1);
  const auto header = parse_header(first_line);
  check(header || !is_binary,
        "embeddings: '{}': the first line is not the header of word2vec's binary files, two whole numbers",
        path.string());
  if (header) check_header(path, *header, is_binary ? sizeof(float) : 2);
  const int64_t dimension = header ? header->dimension : count_numbers(first_line);
  check(dimension >= 1, "embeddings: '{}', line 1: no numbers behind a word", path.string());
  check_dimension(path.string(), dimension, expected_dimension);

  VectorTable table(vocabulary, dimension);
  if (is_binary)
    read_binary_vectors(file, *header, table);
  else
    read_text_vectors(file, first_line, header, table);
  check(table.found() > 0, "embeddings: '{}' holds none of the vocabulary's {} words", path.string(),
        vocabulary.size() - Vocabulary::kFirstWord);
  return std::move(table).finish(seed);
}

}  // namespace cofactor
