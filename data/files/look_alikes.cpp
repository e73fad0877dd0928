#include "data/files/look_alikes.h"

#include <fmt/ranges.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "engine/error.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

constexpr UChar32 kNoCharacter = -1;

// One character of a name, as it stands there; `code` is kNoCharacter for a byte that begins none.
struct Character {
  UChar32 code = kNoCharacter;
  std::string_view bytes;
};

std::vector<Character> characters_of(std::string_view name) {
  std::vector<Character> characters;
  const auto* bytes = reinterpret_cast<const uint8_t*>(name.data());
  for (size_t at = 0; at < name.size();) {
    const size_t begin = at;
    UChar32 code = kNoCharacter;
    U8_NEXT(bytes, at, name.size(), code);
    if (code < 0) at = begin + 1;  // one byte at a time, whatever the others are
    characters.push_back({code < 0 ? kNoCharacter : code, name.substr(begin, at - begin)});
  }
  return characters;
}

std::string escape_of(const Character& character) {
  if (character.code == kNoCharacter)
    return fmt::format("\\x{:02X}", static_cast<unsigned>(static_cast<uint8_t>(character.bytes.front())));
  return fmt::format("\\u{:04X}", static_cast<uint32_t>(character.code));
}

bool is_control(UChar32 code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

// Normalised (NFKC), without case and characters that are not seen, and with runs of blanks as one, none at the ends.
std::u16string look_of(std::string_view name) {
  UErrorCode error = U_ZERO_ERROR;
  const UNormalizer2* normalizer = unorm2_getNFKCCasefoldInstance(&error);
  std::u16string text(name.size(), u'\0'), normal(20 * name.size() + 1, u'\0');  // it grows 18-fold at most
  int32_t length = 0;
  u_strFromUTF8(text.data(), static_cast<int32_t>(text.size()), &length, name.data(), static_cast<int32_t>(name.size()),
                &error);
  if (U_SUCCESS(error)) {
    length =
        unorm2_normalize(normalizer, text.data(), length, normal.data(), static_cast<int32_t>(normal.size()), &error);
  }
  check(U_SUCCESS(error) != 0, "names: '{}' cannot be compared: {}", printable(name), u_errorName(error));
  std::u16string look;
  for (const char16_t c : normal.substr(0, static_cast<size_t>(length))) {
    if (u_isUWhiteSpace(c) == 0) {
      look += c;
    } else if (!look.empty() && look.back() != u' ') {
      look += u' ';
    }
  }
  if (look.ends_with(u' ')) look.pop_back();
  return look;
}

// The names of each look that several have, as they are unmistakable and in quotes.
std::vector<std::vector<std::string>> groups_of_look_alikes(const std::vector<std::string>& names) {
  std::map<std::u16string, std::vector<std::string>> by_look;
  for (const std::string& name : names) by_look[look_of(name)].push_back("'" + unmistakable(name) + "'");
  std::vector<std::vector<std::string>> groups;
  for (auto& [look, alike] : by_look)
    if (alike.size() > 1) groups.push_back(std::move(alike));
  return groups;
}

}  // namespace

bool is_utf8(std::string_view name) {
  return first_not_utf8(name) == name.size();
}

std::string printable(std::string_view name) {
  std::string text;
  for (const Character& character : characters_of(name))
    text += character.code == kNoCharacter || is_control(character.code) ? escape_of(character)
                                                                         : std::string(character.bytes);
  return text;
}

std::string unmistakable(std::string_view name) {
  const std::vector<Character> characters = characters_of(name);
  const auto is_blank = [&](size_t i) { return characters[i].code == ' '; };
  size_t first = 0, last = characters.size();
  while (first < last && is_blank(first)) ++first;
  while (last > first && is_blank(last - 1)) --last;
  std::string text;
  for (size_t i = 0; i < characters.size(); ++i) {
    const UChar32 code = characters[i].code;
    const bool plain = code >= 0x20 && code < 0x7F && i >= first && i < last;
    text += !plain ? escape_of(characters[i]) : code == '\\' ? "\\\\" : std::string(characters[i].bytes);
  }
  return text;
}

std::vector<std::string> find_look_alikes(const std::vector<std::string>& names) {
  std::vector<std::string> sentences;
  for (const std::vector<std::string>& alike : groups_of_look_alikes(names)) {
    sentences.push_back(
        fmt::format("warning: {} look alike but are {} classes: rename or merge their folders unless that is meant",
                    fmt::join(alike, " and "), alike.size()));
  }
  return sentences;
}

std::string look_alike_hint(const std::vector<std::string>& some, const std::vector<std::string>& others) {
  std::vector<std::string> all = some;
  for (const std::string& name : others)
    if (std::ranges::find(some, name) == some.end()) all.push_back(name);
  std::string hint;
  for (const std::vector<std::string>& alike : groups_of_look_alikes(all))
    hint += fmt::format("; {} look alike but are not the same", fmt::join(alike, " and "));
  return hint;
}

}  // namespace cofactor
