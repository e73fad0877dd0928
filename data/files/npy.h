// NumPy's array files (.npy): reads them without a copy, and writes them.
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/io/file.h"

namespace cofactor {

enum class NpyType : uint8_t { f4, f8, i1, i2, i4, i8, u1, u2, u4, u8 };
std::string_view name_of(NpyType type);
size_t size_of(NpyType type);
bool is_floating(NpyType type);

struct NpyHeader {
  NpyType type = NpyType::f4;
  std::vector<int64_t> shape;  // no size is negative; empty for a single number
  int64_t elements = 0;        // their product
  size_t data = 0;             // the byte at which the elements begin, row-major and little endian
};

// Parses the beginning of a file of format 1, 2 or 3. `name` is the file's name in messages. Throws Error, with `name`
// and what was found, if it is not such a header; if the elements are of another type than NpyType's, big endian, in
// Fortran order, or Python objects; if there are more than 32 axes; and if the number of bytes overflows.
NpyHeader parse_npy_header(std::string_view bytes, std::string_view name);

// The array of a file, mapped: nothing is copied. Elements need not be aligned.
class NpyArray {
 public:
  // Throws Error as MappedFile and parse_npy_header do, and if the file has fewer or more bytes than its header says.
  explicit NpyArray(const std::filesystem::path& path);

  const std::string& name() const { return name_; }  // the path, in quotes, for messages
  NpyType type() const { return header_.type; }
  const std::vector<int64_t>& shape() const { return header_.shape; }
  std::string shape_text() const;  // as Python writes it: "(3, 4)"
  int64_t elements() const { return header_.elements; }
  // The size of the first axis, and the elements of each of its rows. 1 and 1 for a single number.
  int64_t rows() const { return rows_; }
  int64_t row_elements() const { return row_elements_; }

  // The bytes of a row. Throws Error if there is no such row, or the file was written to since it was mapped.
  std::string_view row(int64_t index) const;
  // Converts a row of f4 or f8 to f64, which is exact. `out` has room for row_elements() values. Throws Error as row()
  // does, and if the array is of whole numbers.
  void read_row(int64_t index, std::span<double> out) const;
  // All elements, for labels. Throws Error if the array is of floating-point numbers, or a number of u8 is above
  // 2^63-1.
  std::vector<int64_t> whole_numbers() const;

 private:
  MappedFile file_;
  std::string name_;
  NpyHeader header_;
  int64_t rows_ = 1, row_elements_ = 1;
};

template <class T>
concept NpyElement = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, int64_t>;

// Writes an array of f4, f8 or i8 piece by piece, whole or not at all. Throws Error as AtomicFile does.
class NpyWriter {
 public:
  // `type` is f4, f8 or i8. Throws Error if it is another one, a size is negative, or their product overflows.
  NpyWriter(const std::filesystem::path& path, NpyType type, const std::vector<int64_t>& shape);

  // Appends elements, in row-major order. Throws Error if they have another type, or there are more than the shape has.
  template <NpyElement T>
  void append(std::span<const T> elements) {
    append_bytes(type_of<T>(), {reinterpret_cast<const char*>(elements.data()), elements.size_bytes()});
  }
  // Puts the file in place. Throws Error if elements are missing.
  void commit();

  template <NpyElement T>
  static constexpr NpyType type_of() {
    return std::same_as<T, float> ? NpyType::f4 : std::same_as<T, double> ? NpyType::f8 : NpyType::i8;
  }

 private:
  void append_bytes(NpyType type, std::string_view bytes);

  AtomicFile file_;
  std::string name_;
  NpyType type_;
  uint64_t missing_ = 0;  // bytes
};

// Writes a whole array.
template <NpyElement T>
void write_npy(const std::filesystem::path& path, std::span<const T> elements, const std::vector<int64_t>& shape) {
  NpyWriter writer(path, NpyWriter::type_of<T>(), shape);
  writer.append(elements);
  writer.commit();
}

}  // namespace cofactor
