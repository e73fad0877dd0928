// Tells what runs were made from apart, in their settings.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace cofactor {

// FNV-1a, a word of 64 bits at a time.
class Checksum {
 public:
  void mix(uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3u; }
  // "0123456789abcdef"
  std::string text() const { return fmt::format("{:016x}", hash_); }

 private:
  uint64_t hash_ = 0xcbf29ce484222325u;
};

}  // namespace cofactor
