#include "engine/io/utf8.h"

#include <doctest/doctest.h>

namespace cofactor::testing {

TEST_SUITE("unit") {
  TEST_CASE("utf8: valid characters are distinguished from other bytes") {
    for (const char* valid : {"", "plain", "caf\xC3\xA9", "\xE2\x80\x94", "\xF0\x9F\x8E\xAC", "\xEF\xBF\xBD"}) {
      CHECK(first_not_utf8(valid) == std::string_view(valid).size());
      CHECK(is_utf8(valid));
    }
    // A single byte, overlong forms, a surrogate, beyond the last character, incomplete characters.
    for (const char* invalid : {"ab\xE9", "ab\xC0\xAF", "ab\xE0\x80\xAF", "ab\xF0\x80\x80\xAF", "ab\xED\xA0\x80",
                                "ab\xF4\x90\x80\x80", "ab\xC3", "ab\xE2\x80", "ab\x80", "ab\xFF"}) {
      CHECK(first_not_utf8(invalid) == 2);
      CHECK(!is_utf8(invalid));
    }
  }

  TEST_CASE("utf8: names are printed complete and readable") {
    CHECK(printable("caf\u00e9 au lait") == "caf\u00e9 au lait");
    CHECK(printable("caf\xE9.jpg\n\x7F\u0085") == "caf\\xE9.jpg\\u000A\\u007F\\u0085");
    CHECK(printable("a\xC3") == "a\\xC3");
    CHECK(printable("a\\b") == "a\\b");
    CHECK(printable(std::string(300, 'a')) == std::string(300, 'a'));
  }

  TEST_CASE("utf8: excerpts are bounded and their backslashes cannot be mistaken for escapes") {
    CHECK(legible("caf\xC3\xA9") == "caf\xC3\xA9");
    CHECK(legible("caf\xE9\n\\") == "caf\\xE9\\u000A\\\\");
    CHECK(legible(std::string(300, 'a')) == std::string(200, 'a') + "...");
    CHECK(legible("abc", 3) == "abc");
    CHECK(legible("ab\u00e9d", 3) == "ab\u00e9...");
  }

  TEST_CASE("utf8: names that differ are shown differently") {
    CHECK(unmistakable("cat ") == "cat\\u0020");
    CHECK(unmistakable("  a b") == "\\u0020\\u0020a b");
    CHECK(unmistakable("  ") == "\\u0020\\u0020");
    CHECK(unmistakable("e\u0301") == "e\\u0301");
    CHECK(unmistakable("\u00e9\U0001F600") == "\\u00E9\\u1F600");
    CHECK(unmistakable("a\\b\xE9") == "a\\\\b\\xE9");
  }

  TEST_CASE("utf8: a byte that is not valid is found at every position of a long text") {
    for (size_t at = 0; at < 40; ++at) {
      std::string text(40, 'x');
      text[at] = '\xE9';
      CHECK(first_not_utf8(text) == at);
      text.replace(at, 1, "\u00E9");
      CHECK(first_not_utf8(text) == text.size());
    }
  }

  TEST_CASE("utf8: byte order marks of UTF-16 are recognised") {
    CHECK(has_utf16_mark("\xFF\xFEg"));
    CHECK(has_utf16_mark("\xFE\xFF"));
    for (const std::string_view text : {std::string_view("\xFF"), kUtf8Mark, std::string_view("text")})
      CHECK(!has_utf16_mark(text));
  }
}

}  // namespace cofactor::testing
