#include "engine/io/utf8.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>

namespace cofactor {

size_t utf8_length(std::string_view bytes, size_t at) {
  const auto first = static_cast<uint8_t>(bytes[at]);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xC2 && first < 0xE0   ? 2
                        : first >= 0xE0 && first < 0xF0 ? 3
                        : first >= 0xF0 && first < 0xF5 ? 4
                                                        : 0;
  if (length == 0 || length > bytes.size() - at) return 0;
  const auto rest = bytes.substr(at + 1, length - 1);
  if (!std::ranges::all_of(rest, [](char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; })) return 0;
  // Forms that are longer than need be, surrogates, and what lies beyond Unicode's last character.
  const auto second = static_cast<uint8_t>(rest[0]);
  const bool valid = !(first == 0xE0 && second < 0xA0) && !(first == 0xED && second >= 0xA0) &&
                     !(first == 0xF0 && second < 0x90) && !(first == 0xF4 && second >= 0x90);
  return valid ? length : 0;
}

size_t first_not_utf8(std::string_view bytes) {
  size_t at = 0;
  for (size_t length; at < bytes.size() && (length = utf8_length(bytes, at)) != 0;) at += length;
  return at;
}

std::string legible(std::string_view bytes, size_t most) {
  std::string text;
  for (size_t at = 0; at < bytes.size();) {
    if (at >= most) return text + "...";
    const size_t length = utf8_length(bytes, at);
    const auto byte = static_cast<uint8_t>(bytes[at]);
    if (length == 0 || byte < 0x20 || byte == 0x7F) {
      text += fmt::format("\\x{:02X}", byte);
      ++at;
      continue;
    }
    text += byte == '\\' ? "\\\\" : bytes.substr(at, length);
    at += length;
  }
  return text;
}

}  // namespace cofactor
