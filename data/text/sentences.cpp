#include "data/text/sentences.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>

#include <algorithm>
#include <array>

#include "engine/error.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

constexpr std::string_view kWhiteSpace = " \t\n\v\f\r";
constexpr std::string_view kKeptMarks = "(),!?'`";
constexpr std::string_view kMarkWords = ",!()?";  // marks that are words of their own
constexpr std::array<std::string_view, 6> kContractions = {"'s", "'ve", "n't", "'re", "'d", "'ll"};

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

bool is_kept(char c) {
  return is_upper(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         kKeptMarks.find(c) != std::string_view::npos;
}

char to_lower(char c) {
  return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

// Appends a character, but no space at the beginning or after another space.
void append(std::string& text, char c) {
  if (c != ' ' || (!text.empty() && text.back() != ' ')) text += c;
}

bool is_ascii(char c) {
  return static_cast<uint8_t>(c) < 0x80;
}

// The published code makes one pass per rule. One pass is enough, since at most one contraction begins at a position.
std::string cleaned(std::string_view sentence, bool keep_others) {
  std::string clean;
  for (size_t i = 0; i < sentence.size(); ++i) {
    const char c = is_kept(sentence[i]) || (keep_others && !is_ascii(sentence[i])) ? sentence[i] : ' ';
    const std::string_view rest = sentence.substr(i);
    const bool mark = kMarkWords.find(c) != std::string_view::npos;
    if (mark || std::ranges::any_of(kContractions, [&](std::string_view part) { return rest.starts_with(part); }))
      append(clean, ' ');
    append(clean, to_lower(c));
    if (mark) append(clean, ' ');
  }
  if (clean.ends_with(' ')) clean.pop_back();
  return clean;
}

// ---- Unicode

constexpr size_t kMaxTextBytes = 100'000'000;  // so that the lengths of all forms of the text are 32-bit integers
constexpr uint32_t kWordCharacters = U_GC_L_MASK | U_GC_M_MASK | U_GC_N_MASK;

// The text in UTF-16, normalised by NFKC.
std::u16string normalised(std::string_view text) {
  check(text.size() <= kMaxTextBytes, "text: {} bytes, expected at most {}", text.size(), kMaxTextBytes);
  const size_t other = first_not_utf8(text);
  check(other == text.size(), "text: '{}' is not UTF-8", legible(text.substr(std::min(other, text.size())), 16));
  UErrorCode error = U_ZERO_ERROR;
  std::u16string units(text.size(), u'\0');
  int32_t length = 0;
  u_strFromUTF8(units.data(), static_cast<int32_t>(units.size()), &length, text.data(),
                static_cast<int32_t>(text.size()), &error);
  units.resize(static_cast<size_t>(length));
  const UNormalizer2* normalizer = unorm2_getNFKCInstance(&error);
  std::u16string normal(units.size() + units.size() / 2 + 16, u'\0');
  length = unorm2_normalize(normalizer, units.data(), static_cast<int32_t>(units.size()), normal.data(),
                            static_cast<int32_t>(normal.size()), &error);
  if (error == U_BUFFER_OVERFLOW_ERROR) {
    error = U_ZERO_ERROR;
    normal.assign(static_cast<size_t>(length), u'\0');
    length = unorm2_normalize(normalizer, units.data(), static_cast<int32_t>(units.size()), normal.data(),
                              static_cast<int32_t>(normal.size()), &error);
  }
  check(U_SUCCESS(error) != 0, "text: cannot normalise '{}': {}", legible(text, 16), u_errorName(error));
  normal.resize(static_cast<size_t>(length));
  return normal;
}

bool is_written_without_spaces(UChar32 c) {
  UErrorCode ignored = U_ZERO_ERROR;
  switch (uscript_getScript(c, &ignored)) {
    case USCRIPT_HAN:
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
    case USCRIPT_THAI:
    case USCRIPT_LAO:
    case USCRIPT_KHMER:
    case USCRIPT_MYANMAR: return true;
    default: return false;
  }
}

void append_utf8(std::string& text, UChar32 c) {
  std::array<char, U8_MAX_LENGTH> bytes{};
  int32_t size = 0;
  U8_APPEND_UNSAFE(bytes.data(), size, c);
  text.append(bytes.data(), static_cast<size_t>(size));
}

// Steps 1 to 3 of clean_text for the characters outside of ASCII; those of ASCII are left for `cleaned`.
std::string prepared(std::string_view text) {
  const std::u16string units = normalised(text);
  std::string result;
  bool alone = false;  // whether the last character is a word of its own
  for (size_t i = 0; i < units.size();) {
    UChar32 c = 0;
    U16_NEXT(units.data(), i, units.size(), c);
    if (c == 0x2019 || c == 0x2018 || c == 0x02BC) c = '\'';
    const uint32_t category = U_GET_GC_MASK(c);
    const bool mark = (category & U_GC_M_MASK) != 0;
    if (c >= 0x80 && u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) != 0) continue;
    const bool symbol = c >= 0x80 && (category & U_GC_SO_MASK) != 0;
    const bool begins =
        symbol || (c >= 0x80 && !mark && (category & kWordCharacters) != 0 && is_written_without_spaces(c));
    if (begins || (alone && !mark)) result += ' ';
    if (!mark) alone = begins;
    if (c < 0x80) {
      result += static_cast<char>(c);
    } else if (symbol || (category & kWordCharacters) != 0) {
      append_utf8(result, u_tolower(c));
    } else {
      result += ' ';
    }
  }
  return result;
}

}  // namespace

std::string clean_sentence(std::string_view sentence) {
  return cleaned(sentence, false);
}

std::string clean_text(std::string_view text) {
  if (std::ranges::all_of(text, is_ascii)) return cleaned(text, false);
  return cleaned(prepared(text), true);
}

std::vector<std::string> text_words(std::string_view text) {
  return tokenize(clean_text(text));
}

std::vector<std::string> tokenize(std::string_view text) {
  std::vector<std::string> words;
  size_t begin = text.find_first_not_of(kWhiteSpace);
  while (begin != std::string_view::npos) {
    const size_t end = std::min(text.find_first_of(kWhiteSpace, begin), text.size());
    words.emplace_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(kWhiteSpace, end);
  }
  return words;
}

}  // namespace cofactor
