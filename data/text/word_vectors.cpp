#include "data/text/word_vectors.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "data/files/buffered_reader.h"
#include "engine/io/file_kind.h"
#include "engine/io/text.h"
#include "engine/io/utf8.h"
#include "engine/random.h"

namespace cofactor {

namespace {

static_assert(std::endian::native == std::endian::little, "word2vec's binary files hold little-endian numbers");

constexpr size_t kMaxLine = size_t{1} << 20;   // bytes; far above any line of vectors
constexpr size_t kMaxWord = 1000;              // bytes, in a binary file
constexpr int64_t kMaxDimension = 1 << 16;     // bounds the table that a damaged header asks for
constexpr int64_t kMaxTableBytes = 128 << 20;  // a table may have this many bytes,
constexpr int64_t kTableBytesPerByte = 16;     // or this many per byte of the file
constexpr size_t kInspected = 1 << 16;         // bytes by which binary files are distinguished from text

// The table while it is filled.
class VectorTable {
 public:
  VectorTable(const Vocabulary& vocabulary, int64_t dimension)
      : vocabulary_(vocabulary), is_found_(static_cast<size_t>(vocabulary.size())) {
    result_.dimension = dimension;
    result_.values.resize(static_cast<size_t>(vocabulary.size()) * static_cast<size_t>(dimension));
  }

  size_t dimension() const { return static_cast<size_t>(result_.dimension); }

  // The row for the vector of a word; null if the word is unknown or already has its vector.
  float* row_for(std::string_view word) {
    const auto index = static_cast<size_t>(vocabulary_.index_of(word));
    if (index == Vocabulary::kUnknown || is_found_[index]) return nullptr;
    is_found_[index] = true;
    ++result_.found;
    return result_.values.data() + index * dimension();
  }

  int64_t found() const { return result_.found; }

  // Draws the rows without a vector, except that of padding.
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
  // The variance of all values of all vectors found.
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

// The parts of a line, separated by spaces and tabs.
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
  if (text.size() > 1 && text[0] == '+' && text[1] != '-' && text[1] != '+') text.remove_prefix(1);
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return std::nullopt;
  // Out of range: too large, or too small for any value but 0 ("1e-400").
  if (error == std::errc::result_out_of_range && std::is_floating_point_v<Number>)
    return text.find("e-") != std::string_view::npos || text.find("E-") != std::string_view::npos
               ? std::optional<Number>(0)
               : std::nullopt;
  return error == std::errc{} ? std::optional(value) : std::nullopt;
}

// The first line of word2vec's files.
struct VectorHeader {
  int64_t words = 0, dimension = 0;
};

// Nothing if the line is not two whole numbers.
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

// Control characters other than white space do not occur in text.
bool holds_control_characters(std::string_view bytes) {
  return std::ranges::any_of(bytes, [](char c) { return static_cast<uint8_t>(c) < 0x20 && (c < '\t' || c > '\r'); });
}

// Whether a word2vec file is binary, judging by what follows its header: in a binary file, the bytes after the first
// word and its space are numbers, which are not valid text. If nothing follows, the name decides.
bool is_binary_file(BufferedReader& file, const VectorHeader& header) {
  std::string_view numbers = file.peek(kInspected);
  const size_t blank = numbers.find(' ', 1);
  numbers.remove_prefix(blank == std::string_view::npos ? numbers.size() : blank + 1);
  const auto wanted = static_cast<uint64_t>(std::clamp<int64_t>(header.dimension, 0, kMaxDimension)) * sizeof(float);
  numbers = numbers.substr(0, wanted);
  if (numbers.empty()) return std::filesystem::path(file.path()).extension() == ".bin";
  if (holds_control_characters(numbers)) return true;
  numbers = numbers.substr(0, numbers.find('\n'));                    // the end of the numbers in a text file
  const bool is_text = first_not_utf8(numbers) + 4 > numbers.size();  // the last character may be incomplete
  return !is_text || numbers.find_first_of("0123456789") == std::string_view::npos;
}

// The table has one row per word of the vocabulary, so that a single long line could demand any amount of memory.
void check_table(const std::filesystem::path& path, int64_t dimension, int64_t words) {
  int64_t bytes = 0;
  const bool fits = !__builtin_mul_overflow(dimension, words, &bytes) &&
                    !__builtin_mul_overflow(bytes, int64_t{sizeof(float)}, &bytes);
  const auto size = static_cast<int64_t>(std::filesystem::file_size(path));
  check(fits && (bytes <= kMaxTableBytes || bytes / kTableBytesPerByte <= size),
        "embeddings: '{}': vectors of {} numbers for the {} words of the vocabulary take more memory than a file of {} "
        "bytes can justify; is this a file of word vectors?",
        path.string(), dimension, words, size);
}

void check_dimension(const std::string& path, int64_t dimension, std::optional<int64_t> expected) {
  check(dimension <= kMaxDimension, "embeddings: '{}': vectors of {} numbers, expected at most {}", path, dimension,
        kMaxDimension);
  check(!expected || dimension == *expected, "embeddings: '{}' contains vectors of {} numbers, expected {}", path,
        dimension, expected.value_or(0));
}

// Checks a header before the words are read. A word takes at least `per_number` bytes per number and one more.
void check_header(const std::filesystem::path& path, const VectorHeader& header, int64_t per_number) {
  check(header.words >= 1 && header.dimension >= 1,
        "embeddings: '{}': the header declares {} words of {} numbers, expected at least 1 of each", path.string(),
        header.words, header.dimension);
  int64_t least = 0;
  const bool overflows = __builtin_mul_overflow(header.dimension, per_number, &least) ||
                         __builtin_add_overflow(least, 1, &least) ||
                         __builtin_mul_overflow(least, header.words, &least);
  const auto size = static_cast<int64_t>(std::filesystem::file_size(path));
  check(
      !overflows && least <= size,
      "embeddings: '{}': the file ends at byte {}, but the header declares {} words of {} numbers, which need more: it "
      "is cut short, or the header is wrong",
      path.string(), size, header.words, header.dimension);
}

void read_binary_vectors(BufferedReader& file, const VectorHeader& header, VectorTable& table) {
  const auto skip_line_feed = [&] {
    if (file.peek(1) == "\n") file.skip(1);
  };
  const size_t bytes = table.dimension() * sizeof(float);
  for (int64_t i = 0; i < header.words; ++i) {
    skip_line_feed();
    const size_t begin = file.offset();
    const auto word = file.take_until(' ', kMaxWord, false);
    if (!word) {
      const size_t left = file.peek(kMaxWord + 1).size();
      check(left > kMaxWord, "embeddings: '{}': cut short at byte {}, at word {} of the header's {}", file.path(),
            begin + left, i + 1, header.words);
      fail("embeddings: '{}': no word ends within {} bytes of byte {}, where word {} of the header's {} was expected",
           file.path(), kMaxWord, begin, i + 1, header.words);
    }
    float* row = table.row_for(*word);
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
  check(file.at_end(), "embeddings: '{}': the file continues at byte {}, after the header's {} words of {} numbers",
        file.path(), file.offset(), header.words, header.dimension);
}

std::string_view text_line(BufferedReader& file, int64_t number) {
  const auto line = file.take_until('\n', kMaxLine, true);
  check(line.has_value(), "embeddings: '{}', line {}: longer than {} bytes; this is not a file of word vectors",
        file.path(), number, kMaxLine);
  return *line;
}

// Reads one line of a text file: a word and its vector. `fields` is scratch space.
void read_vector_line(std::string_view line, int64_t number, const BufferedReader& file, VectorTable& table,
                      std::vector<std::string_view>& fields) {
  split_fields(line, fields);
  const size_t dimension = table.dimension();
  check(fields.size() > dimension,
        "embeddings: '{}', line {} (which ends at byte {}): {} numbers after the word, expected {}", file.path(),
        number, file.offset(), fields.empty() ? 0 : fields.size() - 1, dimension);
  const size_t first = fields.size() - dimension;  // number
  if (first > 1) {
    check(!parse<double>(fields[first - 1]), "embeddings: '{}', line {}: more than the expected {} numbers",
          file.path(), number, dimension);
    return;  // a word with spaces
  }
  float* row = table.row_for(fields[0]);
  if (row == nullptr) return;
  for (size_t d = 0; d < dimension; ++d) {
    const auto value = parse<double>(fields[first + d]);
    check(value && std::abs(*value) <= std::numeric_limits<float>::max(),
          "embeddings: '{}', line {}: '{}' is not a finite f32", file.path(), number, legible(fields[first + d]));
    row[d] = static_cast<float>(*value);
  }
}

// Reads all lines after the first. Blank lines may end the file.
void read_text_vectors(BufferedReader& file, const std::string& first_line, const std::optional<VectorHeader>& header,
                       VectorTable& table) {
  std::vector<std::string_view> fields;
  if (!header) read_vector_line(first_line, 1, file, table, fields);
  int64_t words = 0;
  std::string blank;  // the place of the first blank line, for an error if another line follows
  for (int64_t number = 2; !file.at_end(); ++number) {
    const std::string_view line = text_line(file, number);
    if (trimmed(line).empty()) {
      if (blank.empty()) blank = fmt::format("line {} (which ends at byte {})", number, file.offset());
      continue;
    }
    check(blank.empty(), "embeddings: '{}', {}: a blank line, expected a word and {} numbers", file.path(), blank,
          table.dimension());
    check(!header || words < header->words, "embeddings: '{}', line {}: the file continues after the header's {} words",
          file.path(), number, words);
    read_vector_line(line, number, file, table, fields);
    ++words;
  }
  check(!header || words == header->words, "embeddings: '{}': cut short at byte {}, after {} words of the header's {}",
        file.path(), file.offset(), words, header ? header->words : 0);
}

// Opens the file, and checks that it is not empty, compressed or of another kind.
BufferedReader open_vectors(const std::filesystem::path& path) {
  std::error_code error;
  const auto type = std::filesystem::status(path, error).type();
  check(type != std::filesystem::file_type::not_found, "embeddings: '{}' does not exist", path.string());
  check(type == std::filesystem::file_type::regular || error, "embeddings: '{}' is not a regular file", path.string());
  BufferedReader file(path, "embeddings");
  check(!file.at_end(), "embeddings: '{}' is empty", path.string());
  const std::string kind = foreign_kind(file.peek(kInspected), Wanted::word_vectors);
  check(kind.empty(), "embeddings: '{}' is {}", path.string(), kind);
  if (file.peek(kUtf8Mark.size()) == kUtf8Mark) file.skip(kUtf8Mark.size());
  check(!has_utf16_mark(file.peek(2)), "embeddings: '{}' is in UTF-16; iconv -f UTF-16 -t UTF-8 converts it",
        path.string());
  return file;
}

}  // namespace

WordVectors load_word_vectors(const std::filesystem::path& path, const Vocabulary& vocabulary,
                              std::optional<int64_t> expected_dimension, uint64_t seed) {
  BufferedReader file = open_vectors(path);
  const bool is_text = file.peek(kInspected).find('\0') == std::string_view::npos;
  std::string first_line;
  if (is_text)
    first_line = text_line(file, 1);
  else
    first_line = file.take_until('\n', kMaxWord, true).value_or("");
  const auto header = parse_header(first_line);
  const bool is_binary = header && is_binary_file(file, *header);
  check(header || is_text,
        "embeddings: '{}': the file is neither text nor a binary word2vec file, whose first line is two whole numbers",
        path.string());
  if (header) check_header(path, *header, is_binary ? sizeof(float) : 2);
  const int64_t dimension = header ? header->dimension : count_numbers(first_line);
  check(dimension >= 1, "embeddings: '{}', line 1: no numbers after the word", path.string());
  check_dimension(path.string(), dimension, expected_dimension);
  check_table(path, dimension, vocabulary.size());

  VectorTable table(vocabulary, dimension);
  if (is_binary)
    read_binary_vectors(file, *header, table);
  else
    read_text_vectors(file, first_line, header, table);
  check(table.found() > 0, "embeddings: '{}' contains none of the {} words of the vocabulary", path.string(),
        vocabulary.size() - Vocabulary::kFirstWord);
  return std::move(table).finish(seed);
}

}  // namespace cofactor
