// Texts in any language. What cleaning leaves is UTF-8 in lower case, words with one space between them, of which
// text_words gives the same; and a text in ASCII is cleaned as a sentence is.
#include "data/text/sentences.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "engine/io/utf8.h"
#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

void clean(std::string_view text) {
  const std::string clean = clean_text(text);
  if (!is_utf8(clean) || clean.find("  ") != std::string::npos || clean.starts_with(' ') || clean.ends_with(' '))
    std::abort();
  if (std::ranges::any_of(clean, [](char c) { return c >= 'A' && c <= 'Z'; })) std::abort();
  std::string joined;
  for (const std::string& word : text_words(text)) joined += (joined.empty() ? "" : " ") + word;
  if (joined != clean) std::abort();
  const bool ascii = std::ranges::all_of(text, [](char c) { return static_cast<uint8_t>(c) < 0x80; });
  if (ascii && clean != clean_sentence(text)) std::abort();
}

}  // namespace

}  // namespace cofactor::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cofactor::testing;
  return parse_or_error([&] { clean({reinterpret_cast<const char*>(data), size}); });
}
