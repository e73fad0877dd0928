// The entropy-coded data of a JPEG: bits, and the Huffman codes in them.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace cofactor {

inline constexpr uint8_t kJpegMarker = 0xFF;  // begins a marker; within coded data a 0 follows it

// Bits from a position of a file to the next marker or the end; zeros behind. Cheap to copy.
class JpegBits {
 public:
  JpegBits(std::string_view bytes, size_t at) : bytes_(bytes), at_(at) {}

  // Sees to it that 32 bits can be looked at.
  void refill() {
    if (count_ >= 32) return;
    if (at_ + 8 <= bytes_.size()) {
      uint64_t next = 0;
      std::memcpy(&next, bytes_.data() + at_, 8);
      if (((~next - kOnes) & next & (kOnes << 7)) == 0) {  // no byte of it is 0xFF
        if constexpr (std::endian::native == std::endian::little) next = __builtin_bswap64(next);
        // Whole bytes are counted; the bits behind them are those that the next refill brings again.
        window_ |= next >> count_;
        at_ += (63 - count_) / 8;
        count_ |= 56;
        return;
      }
    }
    *this = filled(*this);
  }
  // The next bits, the first of them on top.
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
  // The next bits as the number that they stand for behind a category of so many.
  int take_signed(unsigned count) {
    const auto value = static_cast<int>(take(count));
    return count > 0 && value < 1 << (count - 1) ? value - (1 << count) + 1 : value;
  }
  // Whether more bits were taken than there are.
  bool overran() const { return count_ < zeros_; }
  // The first byte of which no bit was taken; where it overran, the end of the data.
  size_t position() const;

 private:
  static constexpr uint64_t kOnes = 0x0101010101010101;

  // By value: nothing points to an object whose members are to stay in registers.
  static JpegBits filled(JpegBits bits);
  void append_byte();

  std::string_view bytes_;
  size_t at_;
  uint64_t window_ = 0;
  unsigned count_ = 0;  // of bits in the window that were counted
  unsigned zeros_ = 0;  // of these that were made up behind the end
  bool ended_ = false;
};

// Where the next marker's 0xFF is, from a position on: the last of several. The file's size where there is none.
size_t find_jpeg_marker(std::string_view bytes, size_t at);

// A code, its symbol, and what it means for a block's coefficients in a sequential scan.
struct JpegCode {
  uint8_t length;  // in bits; 0 for no code
  uint8_t symbol;
  uint8_t total;    // bits with those of the value that follows
  uint8_t advance;  // coefficients passed; kEndOfBlock where no more follow
};

class JpegHuffmanTable {
 public:
  static constexpr int kLengths = 16;  // of codes: 1 to 16 bits
  static constexpr uint8_t kEndOfBlock = 128;

  // `counts`: how many codes there are of each length. False where these lengths allow no such codes.
  bool define(std::string_view counts, std::string_view symbols);
  bool defined() const { return defined_; }
  // The code on top of these bits.
  const JpegCode& find(uint64_t window) const {
    const JpegCode& code = short_codes_[window >> (64 - kShort)];
    return code.length != 0 ? code : find_long(window);
  }

 private:
  static constexpr int kShort = 9;  // bits of the codes that are looked up

  const JpegCode& find_long(uint64_t window) const;

  bool defined_ = false;
  // Nothing reads the rest before it is defined; most of the eight tables of an image never are.
  std::array<JpegCode, 1 << kShort> short_codes_;  // by the next bits
  std::array<JpegCode, 256> codes_;                // in the order of the file
  std::array<uint32_t, kLengths + 1> end_;         // behind the codes of a length, as the top of 16 bits
  std::array<int, kLengths + 1> offset_;           // from a code of a length to its place in codes_
};

}  // namespace cofactor
