// Writes small JPEGs for tests, code by code: gray, with one value per block of 8 x 8 pixels.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace cofactor::testing {

// A segment: a marker, its length and its bytes.
inline std::string jpeg_segment(uint8_t marker, const std::string& bytes) {
  const size_t length = bytes.size() + 2;
  return std::string{'\xFF', static_cast<char>(marker), static_cast<char>(length >> 8), static_cast<char>(length)} +
         bytes;
}

class DrawnJpeg {
 public:
  // One value per block, row by row.
  DrawnJpeg(int rows, int columns, std::vector<int> values, bool progressive = false)
      : rows_(rows), columns_(columns), progressive_(progressive), values_(std::move(values)) {}

  // Up to the first scan: quantization such that the first coefficient of a block is its value, and Huffman tables. DC
  // categories 0 to 11 have codes of 4 bits; AC has one code, the bit 0, which ends a block (or its band).
  std::string head(int restart_interval = 0) const {
    std::string counts(16, '\0'), one(16, '\0'), categories;
    counts[3] = 12;
    one[0] = 1;
    for (char i = 0; i < 12; ++i) categories += i;
    const std::string size = {static_cast<char>(8 * rows_ >> 8), static_cast<char>(8 * rows_),
                              static_cast<char>(8 * columns_ >> 8), static_cast<char>(8 * columns_)};
    std::string bytes = "\xFF\xD8" + jpeg_segment(0xDB, '\0' + std::string(64, '\x08')) +
                        jpeg_segment(progressive_ ? 0xC2 : 0xC0, '\x08' + size + std::string("\x01\x01\x11\0", 4)) +
                        jpeg_segment(0xC4, '\0' + counts + categories) + jpeg_segment(0xC4, '\x10' + one + '\0');
    if (restart_interval > 0)
      bytes += jpeg_segment(0xDD, {static_cast<char>(restart_interval >> 8), static_cast<char>(restart_interval)});
    return bytes;
  }
  // The header of a scan of coefficients first to last, from bit `high` to bit `low`.
  static std::string scan_header(int first, int last, int high = 0, int low = 0) {
    return jpeg_segment(
        0xDA, {1, 1, 0, static_cast<char>(first), static_cast<char>(last), static_cast<char>(high << 4 | low)});
  }
  // The data of blocks begin .. end - 1: their first coefficient, if `dc`, and the end of the block, if `ac`.
  std::string data(size_t begin, size_t end, bool dc, bool ac) const {
    std::string bits;
    int before = 0;
    for (size_t i = begin; i < end; ++i) {
      if (dc) append_difference(bits, values_[i] - 128 - before);
      before = values_[i] - 128;
      if (ac) bits += '0';
    }
    return packed(bits);
  }
  std::string baseline() const {
    return head() + scan_header(0, 63) + data(0, values_.size(), true, true) + "\xFF\xD9";
  }

 private:
  static void append_difference(std::string& bits, int difference) {
    int category = 0;
    while (std::abs(difference) >> category != 0) ++category;
    const int value = difference < 0 ? difference + (1 << category) - 1 : difference;
    for (int i = 3; i >= 0; --i) bits += static_cast<char>('0' + (category >> i & 1));
    for (int i = category - 1; i >= 0; --i) bits += static_cast<char>('0' + (value >> i & 1));
  }
  // Whole bytes, padded with ones, with a 0 after each 0xFF.
  static std::string packed(std::string bits) {
    while (bits.size() % 8 != 0) bits += '1';
    std::string bytes;
    for (size_t i = 0; i < bits.size(); i += 8) {
      bytes += static_cast<char>(std::stoi(bits.substr(i, 8), nullptr, 2));
      if (bytes.back() == '\xFF') bytes += '\0';
    }
    return bytes;
  }

  int rows_, columns_;
  bool progressive_;
  std::vector<int> values_;
};

}  // namespace cofactor::testing
