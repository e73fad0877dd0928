#include "data/text/sentences.h"

#include <algorithm>
#include <array>

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

}  // namespace

// The published code makes one pass per rule. One pass is enough, since at most one contraction begins at a position.
std::string clean_sentence(std::string_view sentence) {
  std::string clean;
  for (size_t i = 0; i < sentence.size(); ++i) {
    const char c = is_kept(sentence[i]) ? sentence[i] : ' ';
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
