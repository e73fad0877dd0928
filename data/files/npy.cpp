#include "data/files/npy.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <system_error>

#include "engine/error.h"
#include "engine/io/utf8.h"

namespace cofactor {

// Elements are copied between files and memory as they are.
static_assert(std::endian::native == std::endian::little);

namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kNpyMagic = "\x93NUMPY";
constexpr size_t kMaxNpyHeader = size_t{1} << 16;  // bytes; NumPy's own are below 200
constexpr size_t kMaxAxes = 32;                    // NumPy's limit up to version 1
constexpr size_t kNpyAlignment = 64;               // of the elements in the file
constexpr std::array kNpyNames = {"f4"sv, "f8"sv, "i1"sv, "i2"sv, "i4"sv, "i8"sv, "u1"sv, "u2"sv, "u4"sv, "u8"sv};

// Reads the header's text: a Python dictionary with the keys descr, fortran_order and shape.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  NpyHeader read() {
    NpyHeader header;
    bool has_type = false, has_order = false, has_shape = false;
    expect('{');
    while (!take('}')) {
      const std::string_view key = string();
      expect(':');
      if (key == "descr" && !has_type) {
        header.type = type();
        has_type = true;
      } else if (key == "fortran_order" && !has_order) {
        read_order();
        has_order = true;
      } else if (key == "shape" && !has_shape) {
        header.shape = shape();
        has_shape = true;
      } else {
        fail(
            "{}: the header of the NumPy array has the key '{}', expected descr, fortran_order and shape once each: {}",
            name_, legible(key), legible(text_));
      }
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (at_ != text_.size()) unexpected("its end");
    check(has_type && has_order && has_shape, "{}: the header of the NumPy array lacks {}: {}", name_,
          !has_type    ? "descr"
          : !has_order ? "fortran_order"
                       : "shape",
          legible(text_));
    return header;
  }

 private:
  [[noreturn]] void unexpected(std::string_view expected) const {
    fail("{}: the header of the NumPy array has '{}' at byte {}, expected {}: {}", name_,
         legible(text_.substr(std::min(at_, text_.size())), 20), at_, expected, legible(text_));
  }

  void skip_blanks() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }

  bool take(char c) {
    skip_blanks();
    const bool found = at_ < text_.size() && text_[at_] == c;
    at_ += found ? 1 : 0;
    return found;
  }

  void expect(char c) {
    if (!take(c)) unexpected(fmt::format("'{}'", c));
  }

  bool take_word(std::string_view word) {
    skip_blanks();
    const bool found = text_.substr(at_).starts_with(word);
    at_ += found ? word.size() : 0;
    return found;
  }

  std::string_view string() {
    skip_blanks();
    const char quote = at_ < text_.size() ? text_[at_] : ' ';
    const size_t end = quote == '\'' || quote == '"' ? text_.find(quote, at_ + 1) : std::string_view::npos;
    if (end == std::string_view::npos) unexpected("a string in quotes");
    const std::string_view found = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return found;
  }

  NpyType type() {
    skip_blanks();
    check(at_ == text_.size() || text_[at_] != '[',
          "{}: the NumPy array has elements with named fields (a structured array), expected numbers: {}", name_,
          legible(text_));
    const std::string_view found = string();
    const char order = found.empty() ? ' ' : found[0];
    const std::string_view element = found.substr(std::min<size_t>(1, found.size()));
    check(element.empty() || element[0] != 'O',
          "{}: the NumPy array holds Python objects, which only Python can read; save it with another dtype, such as "
          "x.astype('float32')",
          name_);
    const auto known = std::ranges::find(kNpyNames, element);
    check(element != "f2" || order == '>',
          "{}: the NumPy array has elements of type '{}', half precision; save x.astype('float32')", name_, found);
    check(known == kNpyNames.end() || order != '>' || element.ends_with('1'),
          "{}: the NumPy array is big endian ('{}'); save x.astype('<{}')", name_, found, element);
    check(known != kNpyNames.end() && (order == '<' || (element.ends_with('1') && (order == '|' || order == '>'))),
          "{}: the NumPy array has elements of type '{}', expected one of {}", name_, legible(found),
          fmt::join(kNpyNames, ", "));
    return static_cast<NpyType>(known - kNpyNames.begin());
  }

  void read_order() {
    check(!take_word("True"), "{}: the NumPy array is in Fortran order; save numpy.ascontiguousarray(x)", name_);
    if (!take_word("False")) unexpected("True or False");
  }

  std::vector<int64_t> shape() {
    std::vector<int64_t> sizes;
    expect('(');
    for (bool comma = true; !take(')'); comma = take(',')) {
      if (!comma) unexpected("',' or ')'");
      check(sizes.size() < kMaxAxes, "{}: the NumPy array has more than {} axes", name_, kMaxAxes);
      sizes.push_back(size());
      // (3) is a number in Python, (3,) is a shape.
      if (sizes.size() == 1 && text_.substr(at_).starts_with(')')) unexpected("','");
    }
    return sizes;
  }

  int64_t size() {
    skip_blanks();
    int64_t size = -1;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), size);
    if (error != std::errc() || size < 0) unexpected("a size");
    at_ = static_cast<size_t>(end - text_.data());
    return size;
  }

  std::string_view text_, name_;
  size_t at_ = 0;
};

std::optional<int64_t> product_of(const std::vector<int64_t>& shape, size_t element) {
  // A size of 0 makes the product 0, but the others may not overflow even so: NumPy refuses such arrays too.
  int64_t product = 1, nonzero = static_cast<int64_t>(element);
  for (const int64_t size : shape) {
    if (__builtin_mul_overflow(nonzero, std::max<int64_t>(size, 1), &nonzero)) return std::nullopt;
    product *= size;
  }
  return product;
}

std::string python_tuple(const std::vector<int64_t>& shape) {
  return fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

uint32_t little_endian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

template <class T>
void append_numbers(std::string_view bytes, std::vector<int64_t>& numbers, std::string_view name) {
  for (size_t at = 0; at < bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    check(std::in_range<int64_t>(value), "{}: the element {} is {}, which is too large", name, at / sizeof(T), value);
    numbers.push_back(static_cast<int64_t>(value));
  }
}

}  // namespace

std::string_view name_of(NpyType type) {
  return kNpyNames.at(static_cast<size_t>(type));
}

size_t size_of(NpyType type) {
  return static_cast<size_t>(name_of(type)[1] - '0');
}

bool is_floating(NpyType type) {
  return name_of(type)[0] == 'f';
}

NpyHeader parse_npy_header(std::string_view bytes, std::string_view name) {
  check(bytes.starts_with(kNpyMagic), "{}: not a NumPy array (.npy): it begins with '{}'{}", name, legible(bytes, 8),
        bytes.starts_with("PK") ? ", as .npz archives do; save one array with numpy.save" : "");
  const size_t numbers = kNpyMagic.size() + 2;
  check(bytes.size() >= numbers + 2, "{}: the NumPy array ends after {} bytes, inside its header", name, bytes.size());
  const int major = static_cast<uint8_t>(bytes[kNpyMagic.size()]), minor = static_cast<uint8_t>(bytes[numbers - 1]);
  check(major >= 1 && major <= 3 && minor == 0, "{}: the NumPy array has format {}.{}, expected 1.0, 2.0 or 3.0", name,
        major, minor);
  const size_t width = major == 1 ? 2 : 4;
  const size_t length = little_endian(bytes.substr(numbers, width)), begin = numbers + width;
  check(length <= kMaxNpyHeader, "{}: the NumPy array's header has {} bytes, expected at most {}", name, length,
        kMaxNpyHeader);
  check(bytes.size() >= begin + length, "{}: the NumPy array ends after {} bytes, inside its header of {}", name,
        bytes.size(), begin + length);
  NpyHeader header = HeaderReader(bytes.substr(begin, length), name).read();
  header.data = begin + length;
  const auto size = product_of(header.shape, size_of(header.type));
  check(size.has_value(), "{}: the NumPy array's shape {} has more bytes than can be counted", name,
        python_tuple(header.shape));
  header.elements = *size;
  return header;
}

NpyArray::NpyArray(const std::filesystem::path& path)
    : file_(path),
      name_(fmt::format("'{}'", printable(path.string()))),
      header_(parse_npy_header(file_.bytes(), name_)) {
  const size_t found = file_.bytes().size() - header_.data;
  const size_t expected = static_cast<size_t>(header_.elements) * size_of(header_.type);
  check(found == expected, "{}: {} bytes of elements, but an array of shape {} and type {} has {}; {}", name_, found,
        shape_text(), name_of(type()), expected,
        found < expected ? "the file is cut short" : "the file holds more than one array");
  if (header_.shape.empty()) return;
  rows_ = header_.shape[0];
  for (size_t axis = 1; axis < header_.shape.size(); ++axis) row_elements_ *= header_.shape[axis];
}

std::string NpyArray::shape_text() const {
  return python_tuple(header_.shape);
}

std::string_view NpyArray::row(int64_t index) const {
  check(index >= 0 && index < rows_, "{}: row {} of {}", name_, index, rows_);
  file_.check_unchanged();
  const size_t bytes = static_cast<size_t>(row_elements_) * size_of(type());
  return file_.bytes().substr(header_.data + static_cast<size_t>(index) * bytes, bytes);
}

void NpyArray::read_row(int64_t index, std::span<double> out) const {
  check(is_floating(type()), "{}: elements of type {}, expected f4 or f8", name_, name_of(type()));
  check(out.size() == static_cast<size_t>(row_elements_), "{}: room for {} values, rows have {}", name_, out.size(),
        row_elements_);
  const char* bytes = row(index).data();
  if (type() == NpyType::f8) {
    if (!out.empty()) std::memcpy(out.data(), bytes, out.size_bytes());
    return;
  }
  for (size_t i = 0; i < out.size(); ++i) {
    float value;
    std::memcpy(&value, bytes + i * sizeof value, sizeof value);
    out[i] = static_cast<double>(value);
  }
}

std::vector<int64_t> NpyArray::whole_numbers() const {
  file_.check_unchanged();
  const std::string_view bytes = file_.bytes().substr(header_.data);
  std::vector<int64_t> numbers;
  numbers.reserve(static_cast<size_t>(elements()));
  switch (type()) {
    case NpyType::i1: append_numbers<int8_t>(bytes, numbers, name_); break;
    case NpyType::i2: append_numbers<int16_t>(bytes, numbers, name_); break;
    case NpyType::i4: append_numbers<int32_t>(bytes, numbers, name_); break;
    case NpyType::i8: append_numbers<int64_t>(bytes, numbers, name_); break;
    case NpyType::u1: append_numbers<uint8_t>(bytes, numbers, name_); break;
    case NpyType::u2: append_numbers<uint16_t>(bytes, numbers, name_); break;
    case NpyType::u4: append_numbers<uint32_t>(bytes, numbers, name_); break;
    case NpyType::u8: append_numbers<uint64_t>(bytes, numbers, name_); break;
    case NpyType::f4:
    case NpyType::f8:
      fail("{}: elements of type {}, expected whole numbers; save x.astype('int64')", name_, name_of(type()));
  }
  return numbers;
}

NpyWriter::NpyWriter(const std::filesystem::path& path, NpyType type, const std::vector<int64_t>& shape)
    : file_(path), name_(fmt::format("'{}'", printable(path.string()))), type_(type) {
  check(type == NpyType::f4 || type == NpyType::f8 || type == NpyType::i8,
        "{}: arrays of type {} are not written, expected f4, f8 or i8", name_, name_of(type));
  const bool sizes = shape.size() <= kMaxAxes && std::ranges::all_of(shape, [](int64_t size) { return size >= 0; });
  const auto elements = sizes ? product_of(shape, size_of(type)) : std::nullopt;
  check(elements.has_value(), "{}: an array of shape {} cannot be written", name_, python_tuple(shape));
  missing_ = static_cast<uint64_t>(*elements) * size_of(type);
  std::string text =
      fmt::format("{{'descr': '<{}', 'fortran_order': False, 'shape': {}, }}", name_of(type), python_tuple(shape));
  // Spaces and a line feed fill the header, so that the elements are aligned. With 32 axes it is below 1 KiB.
  const size_t begin = kNpyMagic.size() + 4;
  text.resize((begin + text.size() + 1 + kNpyAlignment - 1) / kNpyAlignment * kNpyAlignment - begin, ' ');
  text.back() = '\n';
  std::string head(kNpyMagic);
  head += {'\1', '\0', static_cast<char>(text.size() & 0xFF), static_cast<char>(text.size() >> 8)};
  file_.append(head + text);
}

void NpyWriter::append_bytes(NpyType type, std::string_view bytes) {
  check(type == type_, "{}: elements of type {} in an array of {}", name_, name_of(type), name_of(type_));
  check(bytes.size() <= missing_, "{}: {} bytes of elements, but only {} are missing", name_, bytes.size(), missing_);
  file_.append(bytes);
  missing_ -= bytes.size();
}

void NpyWriter::commit() {
  check(missing_ == 0, "{}: {} bytes of elements are missing", name_, missing_);
  file_.commit();
}

}  // namespace cofactor
