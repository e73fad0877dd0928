#include "data/images/jpeg_bits.h"

#include <algorithm>

namespace cofactor {

namespace {

uint8_t byte_of(std::string_view bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]);
}

// The position after the run of 0xFF bytes at `at`. The last one begins a marker or is data; the others are fill bytes.
size_t after_fill(std::string_view bytes, size_t at) {
  while (at < bytes.size() && byte_of(bytes, at) == kJpegMarker) ++at;
  return at;
}

}  // namespace

JpegBits JpegBits::filled(JpegBits bits) {
  while (bits.count_ <= 56) bits.append_byte();
  return bits;
}

void JpegBits::append_byte() {
  size_t next = at_ + 1;
  if (!ended_ && at_ < bytes_.size() && byte_of(bytes_, at_) == kJpegMarker) {
    next = after_fill(bytes_, at_);
    ended_ = next == bytes_.size() || bytes_[next] != 0;
    ++next;  // the 0 after a 0xFF that is data
  }
  ended_ |= at_ >= bytes_.size();
  if (ended_) {
    zeros_ += 8;
  } else {
    window_ |= uint64_t{byte_of(bytes_, at_)} << (56 - count_);
    at_ = next;
  }
  count_ += 8;
}

size_t JpegBits::position() const {
  size_t at = at_;
  if (overran()) return at;
  for (unsigned unread = (count_ - zeros_) / 8; unread > 0; --unread) {
    --at;
    if (bytes_[at] != 0 || at == 0 || byte_of(bytes_, at - 1) != kJpegMarker) continue;
    while (at > 0 && byte_of(bytes_, at - 1) == kJpegMarker) --at;
  }
  return at;
}

size_t find_jpeg_marker(std::string_view bytes, size_t at) {
  while (at < bytes.size()) {
    at = bytes.find(static_cast<char>(kJpegMarker), at);
    if (at == std::string_view::npos) break;
    const size_t next = after_fill(bytes, at);
    if (next == bytes.size()) break;
    if (bytes[next] != 0) return next - 1;
    at = next + 1;
  }
  return bytes.size();
}

bool JpegHuffmanTable::define(std::string_view counts, std::string_view symbols) {
  short_codes_.fill(JpegCode{});
  uint32_t code = 0;
  size_t index = 0;
  for (int length = 1; length <= kLengths; ++length) {
    const uint32_t count = byte_of(counts, static_cast<size_t>(length - 1));
    if (code + count > 1U << length) return false;
    offset_[static_cast<size_t>(length)] = static_cast<int>(index) - static_cast<int>(code);
    for (const uint32_t end = code + count; code < end; ++code, ++index) {
      const uint8_t symbol = byte_of(symbols, index);
      const bool goes_on = (symbol & 15) != 0 || symbol == 0xF0;  // 0xF0: 16 zeros
      codes_[index] = {static_cast<uint8_t>(length), symbol, static_cast<uint8_t>(length + (symbol & 15)),
                       static_cast<uint8_t>(goes_on ? (symbol >> 4) + 1 : kEndOfBlock)};
      if (length > kShort) continue;
      const int below = kShort - length;
      std::fill_n(short_codes_.begin() + (code << below), 1 << below, codes_[index]);
    }
    end_[static_cast<size_t>(length)] = code << (kLengths - length);
    code <<= 1;
  }
  defined_ = true;
  return true;
}

const JpegCode& JpegHuffmanTable::find_long(uint64_t window) const {
  static constexpr JpegCode kNone{};
  const auto head = static_cast<uint32_t>(window >> 48);
  for (size_t length = kShort + 1; length <= kLengths; ++length)
    if (head < end_[length]) return codes_[static_cast<size_t>(int(head >> (kLengths - length)) + offset_[length])];
  return kNone;
}

}  // namespace cofactor
