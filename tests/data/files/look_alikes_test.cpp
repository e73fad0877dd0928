#include "data/files/look_alikes.h"

#include <doctest/doctest.h>

#include "engine/io/utf8.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

TEST_SUITE("data") {
  TEST_CASE("names that look alike are found and shown differently") {
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
    CHECK(throws_saying("caf\\xE9", [] { find_look_alikes({"caf\xE9", "cat"}); }));
  }
}

}  // namespace cofactor::testing
