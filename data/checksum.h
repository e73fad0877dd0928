// Checksums that tell contents apart: XXH3, 64 bits. Two contents share one by chance alone, once in 2^64; they are no
// guard against who means to deceive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace cofactor {

// Of a run of bytes.
uint64_t checksum_of(const void* bytes, size_t size);
inline uint64_t checksum_of(std::string_view bytes) {
  return checksum_of(bytes.data(), bytes.size());
}

// "0123456789abcdef", and back: false where the text is not 16 such digits.
std::string checksum_text(uint64_t checksum);
bool read_checksum(std::string_view text, uint64_t& checksum);

// Of values that come one after the other.
class Checksum {
 public:
  Checksum();
  ~Checksum();
  Checksum(const Checksum&) = delete;
  Checksum& operator=(const Checksum&) = delete;

  void mix(uint64_t value) { mix_bytes(&value, sizeof value); }
  // With its length, so that "ab", "c" and "a", "bc" differ.
  void mix(std::string_view text);
  void mix_bytes(const void* bytes, size_t size);

  uint64_t value() const;
  std::string text() const { return checksum_text(value()); }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cofactor
