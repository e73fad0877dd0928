#include "data/files/look_alikes.h"

#include <doctest/doctest.h>

#include "tests/fixtures/errors.h"

namespace cofactor::testing {

TEST_SUITE("data") {
  TEST_CASE("names are UTF-8 or not") {
    for (const char* name : {"", "cat", "caf\u00e9", "\U0001F600", "a b"}) CHECK(is_utf8(name));
    for (const char* name : {"caf\xE9", "\xC3", "a\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80"}) CHECK(!is_utf8(name));
  }

  TEST_CASE("names are shown so that they can be read or not mistaken") {
    CHECK(printable("caf\u00e9 au lait") == "caf\u00e9 au lait");
    CHECK(printable("caf\xE9.jpg\n\x7F") == "caf\\xE9.jpg\\u000A\\u007F");
    CHECK(printable("a\xC3") == "a\\xC3");
    CHECK(unmistakable("cat ") == "cat\\u0020");
    CHECK(unmistakable("  a b") == "\\u0020\\u0020a b");
    CHECK(unmistakable("  ") == "\\u0020\\u0020");
    CHECK(unmistakable("e\u0301") == "e\\u0301");
    CHECK(unmistakable("\u00e9\U0001F600") == "\\u00E9\\u1F600");
    CHECK(unmistakable("a\\b\xE9") == "a\\\\b\\xE9");
  }

  TEST_CASE("names that look alike are found and told apart") {
    CHECK(find_look_alikes({"cat", "dog", "category", "cat 1", "cat1"}).empty());
    for (const auto& [a, b] : std::vector<std::pair<std::string, std::string>>{{"Cat", "cat"},
                                                                               {"cat", "cat "},
                                                                               {" cat", "cat"},
                                                                               {"cat\u00A0", "cat"},
                                                                               {"a  b", "a b"},
                                                                               {"caf\u00e9", "cafe\u0301"},
                                                                               {"\u00C9", "e\u0301"},
                                                                               {"\uAC00", "\u1100\u1161"},
                                                                               {"\u304C", "\u304B\u3099"},
                                                                               {"stra\u00DFe", "STRASSE"},
                                                                               {"c\u200Bat", "cat"}}) {
      CAPTURE(a);
      const auto found = find_look_alikes({a, "other", b});
      REQUIRE(found.size() == 1);
      CHECK(contains(found[0], "'" + unmistakable(a) + "' and '" + unmistakable(b) + "'"));
      CHECK(unmistakable(a) != unmistakable(b));
    }
    const auto three = find_look_alikes({"Cat", "cat", "cat "});
    REQUIRE(three.size() == 1);
    CHECK(contains(three[0], "'Cat' and 'cat' and 'cat\\u0020' look alike but are 3 classes"));
    CHECK(look_alike_hint({"a", "cat"}, {"a", "Cat"}) == "; 'cat' and 'Cat' look alike but are not the same");
    CHECK(look_alike_hint({"a", "cat"}, {"a", "dog"}).empty());
  }
}

}  // namespace cofactor::testing
