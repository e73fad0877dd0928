#include "engine/io/utf8.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace cofactor {

namespace {

enum class Backslash { unchanged, doubled };

// The code point of a valid character.
uint32_t code_of(std::string_view character) {
  const auto first = static_cast<uint8_t>(character.front());
  uint32_t code = character.size() == 1 ? first : first & (0x7FU >> character.size());
  for (const char byte : character.substr(1)) code = code << 6 | (static_cast<uint8_t>(byte) & 0x3FU);
  return code;
}

bool is_control(uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

// The text with "..." in place of what follows the first `most` bytes. Escapes invalid bytes and the characters of
// which `is_plain(code, at)` is false.
template <class IsPlain>
std::string escape(std::string_view text, size_t most, Backslash backslash, const IsPlain& is_plain) {
  std::string escaped;
  for (size_t at = 0, length = 0; at < text.size(); at += length) {
    if (at >= most) return escaped + "...";
    length = utf8_length(text, at);
    if (length == 0) {
      escaped += fmt::format("\\x{:02X}", static_cast<uint8_t>(text[at]));
      length = 1;
      continue;
    }
    const std::string_view character = text.substr(at, length);
    const uint32_t code = code_of(character);
    if (!is_plain(code, at)) {
      escaped += fmt::format("\\u{:04X}", code);
    } else {
      escaped += code == '\\' && backslash == Backslash::doubled ? "\\\\" : character;
    }
  }
  return escaped;
}

}  // namespace

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
  // Overlong forms, surrogates, and code points beyond Unicode's last.
  const auto second = static_cast<uint8_t>(rest[0]);
  const bool valid = !(first == 0xE0 && second < 0xA0) && !(first == 0xED && second >= 0xA0) &&
                     !(first == 0xF0 && second < 0x90) && !(first == 0xF4 && second >= 0x90);
  return valid ? length : 0;
}

size_t first_not_utf8(std::string_view bytes) {
  size_t at = 0;
  for (;;) {
    // Eight bytes of ASCII at once.
    constexpr uint64_t kHighBits = 0x8080'8080'8080'8080U;
    for (uint64_t word; bytes.size() - at >= sizeof word; at += sizeof word) {
      std::memcpy(&word, bytes.data() + at, sizeof word);
      if ((word & kHighBits) != 0) break;
    }
    if (at == bytes.size()) return at;
    const size_t length = utf8_length(bytes, at);
    if (length == 0) return at;
    at += length;
  }
}

bool is_utf8(std::string_view bytes) {
  return first_not_utf8(bytes) == bytes.size();
}

bool has_utf16_mark(std::string_view bytes) {
  return bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF");
}

std::string printable(std::string_view name) {
  return escape(name, name.size(), Backslash::unchanged, [](uint32_t code, size_t) { return !is_control(code); });
}

std::string legible(std::string_view text, size_t most) {
  return escape(text, most, Backslash::doubled, [](uint32_t code, size_t) { return !is_control(code); });
}

std::string unmistakable(std::string_view name) {
  const size_t first = name.find_first_not_of(' '), last = name.find_last_not_of(' ');  // npos: all are spaces
  const bool blank = first == std::string_view::npos;
  return escape(name, name.size(), Backslash::doubled, [&](uint32_t code, size_t at) {
    return code >= 0x20 && code < 0x7F && !blank && at >= first && at <= last;
  });
}

}  // namespace cofactor
