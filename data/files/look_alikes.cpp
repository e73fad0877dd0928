#include "data/files/look_alikes.h"

#include <fmt/ranges.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "engine/error.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

// What a person sees of a name: normalised (NFKC), without case and invisible characters, and with each run of white
// space as one space, none at the ends.
std::u16string look_of(std::string_view name) {
  UErrorCode error = U_ZERO_ERROR;
  const UNormalizer2* normalizer = unorm2_getNFKCCasefoldInstance(&error);
  std::u16string text(name.size(), u'\0'),
      normal(20 * name.size() + 1, u'\0');  // NFKC makes text at most 18 times as long
  int32_t length = 0;
  u_strFromUTF8(text.data(), static_cast<int32_t>(text.size()), &length, name.data(), static_cast<int32_t>(name.size()),
                &error);
  if (U_SUCCESS(error)) {
    length =
        unorm2_normalize(normalizer, text.data(), length, normal.data(), static_cast<int32_t>(normal.size()), &error);
  }
  check(U_SUCCESS(error) != 0, "names: cannot compare '{}' with other names: {}", printable(name), u_errorName(error));
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

// The groups of names that look alike, each name unmistakable and in quotes.
std::vector<std::vector<std::string>> groups_of_look_alikes(const std::vector<std::string>& names) {
  std::map<std::u16string, std::vector<std::string>> by_look;
  for (const std::string& name : names) by_look[look_of(name)].push_back("'" + unmistakable(name) + "'");
  std::vector<std::vector<std::string>> groups;
  for (auto& [look, alike] : by_look)
    if (alike.size() > 1) groups.push_back(std::move(alike));
  return groups;
}

}  // namespace

std::vector<std::string> find_look_alikes(const std::vector<std::string>& names) {
  std::vector<std::string> sentences;
  for (const std::vector<std::string>& alike : groups_of_look_alikes(names)) {
    sentences.push_back(
        fmt::format("warning: {} look alike but are {} classes; if this is not intended, rename or merge them",
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
