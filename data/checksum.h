// Checksums (XXH3, 64 bits) that identify contents. Two different contents have the same one with probability 2^-64.
// They are no protection against deliberate forgery.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace cofactor {

uint64_t checksum_of(const void* bytes, size_t size);
inline uint64_t checksum_of(std::string_view bytes) {
  return checksum_of(bytes.data(), bytes.size());
}

// The checksum as 16 hexadecimal digits: "0123456789abcdef".
std::string checksum_text(uint64_t checksum);
// Parses such a text; returns false if it is not one.
bool read_checksum(std::string_view text, uint64_t& checksum);

// The checksum of a sequence of values.
class Checksum {
 public:
  // Throws Error if there is no memory for the state.
  Checksum();
  ~Checksum();
  Checksum(const Checksum&) = delete;
  Checksum& operator=(const Checksum&) = delete;

  void mix(uint64_t value) { mix_bytes(&value, sizeof value); }
  // Mixes in the length too, so that "ab", "c" and "a", "bc" differ.
  void mix(std::string_view text);
  void mix_bytes(const void* bytes, size_t size);

  // Of all values so far.
  uint64_t value() const;
  std::string text() const { return checksum_text(value()); }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cofactor
