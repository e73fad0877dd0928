// Reads the entropy-coded data of a JPEG: bits and Huffman codes.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace cofactor {

inline constexpr uint8_t kJpegMarker = 0xFF;  // begins a marker; inside coded data it is followed by a 0

// The bits from a position of a file to the next marker or the end of the file, followed by zeros. Cheap to copy.
class JpegBits {
 public:
  JpegBits(std::string_view bytes, size_t at) : bytes_(bytes), at_(at) {}

  // Ensures that at least 32 bits are in the window.
  void refill() {
    if (count_ >= 32) return;
    if (at_ + 8 <= bytes_.size()) {
      uint64_t next = 0;
      std::memcpy(&next, bytes_.data() + at_, 8);
      if (((~next - kOnes) & next & (kOnes << 7)) == 0) {  // no byte is 0xFF
        if constexpr (std::endian::native == std::endian::little) next = __builtin_bswap64(next);
        // Only whole bytes are counted; the next refill loads the bits after them again.
        window_ |= next >> count_;
        at_ += (63 - count_) / 8;
        count_ |= 56;
        return;
      }
    }
    *this = filled(*this);
  }
  // The next bits, from the most significant one down.
  uint64_t window() const { return window_; }
  void skip(unsigned count) {
    window_ <<= count;
    count_ -= count;
  }
  unsigned take(unsigned count) {
    const auto value = static_cast<unsigned>(count == 0 ? 0 : window_ >> (64 - count));
    skip(count);
    return value;
  }
  // The signed value that the next `count` bits represent after a code of that category (T.81, F.2.2.1).
  int take_signed(unsigned count) {
    const auto value = static_cast<int>(take(count));
    return count > 0 && value < 1 << (count - 1) ? value - (1 << count) + 1 : value;
  }
  // Whether more bits were consumed than there are.
  bool overran() const { return count_ < zeros_; }
  // The position of the first byte of which no bit is consumed; if it overran, the end of the data.
  size_t position() const;

 private:
  static constexpr uint64_t kOnes = 0x0101010101010101;

  // By value, so that the members of the original can stay in registers.
  static JpegBits filled(JpegBits bits);
  void append_byte();

  std::string_view bytes_;
  size_t at_;
  uint64_t window_ = 0;
  unsigned count_ = 0;  // of the valid bits in the window
  unsigned zeros_ = 0;  // of those that were appended after the end
  bool ended_ = false;
};

// The position of the 0xFF of the next marker, the last one if several follow each other; the number of bytes if there
// is no marker.
size_t find_jpeg_marker(std::string_view bytes, size_t at);

// A Huffman code, its symbol, and its effect on the coefficients of a block in a sequential scan.
struct JpegCode {
  uint8_t length;  // in bits; 0: not a code
  uint8_t symbol;
  uint8_t total;    // in bits, including the value that follows
  uint8_t advance;  // number of coefficients; kEndOfBlock if no more follow
};

class JpegHuffmanTable {
 public:
  static constexpr int kLengths = 16;  // codes have 1 to 16 bits
  static constexpr uint8_t kEndOfBlock = 128;

  // Defines the codes: counts[i] of length i + 1, and their symbols. Returns false if such codes are impossible.
  bool define(std::string_view counts, std::string_view symbols);
  bool defined() const { return defined_; }
  // The code at the beginning of a window.
  const JpegCode& find(uint64_t window) const {
    const JpegCode& code = short_codes_[window >> (64 - kShort)];
    return code.length != 0 ? code : find_long(window);
  }

 private:
  static constexpr int kShort = 9;  // the length of codes that are found by one look-up

  const JpegCode& find_long(uint64_t window) const;

  bool defined_ = false;
  // Not initialised: nothing reads them before `define`, and most of the eight tables of an image stay undefined.
  std::array<JpegCode, 1 << kShort> short_codes_;  // by the next bits
  std::array<JpegCode, 256> codes_;                // in the order of the file
  std::array<uint32_t, kLengths + 1> end_;         // one past the last code of a length, in the top of 16 bits
  std::array<int, kLengths + 1> offset_;           // from a code of a length to its index in codes_
};

}  // namespace cofactor
