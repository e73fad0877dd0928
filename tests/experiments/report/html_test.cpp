#include "experiments/report/html.h"

#include <doctest/doctest.h>

#include "tests/fixtures/errors.h"

using namespace cofactor;
using cofactor::testing::throws_saying;

TEST_SUITE("unit") {
  TEST_CASE("html: markup becomes text and bytes that are no text become visible") {
    CHECK(html("<b a='x' c=\"y\">&") == "&lt;b a=&#39;x&#39; c=&quot;y&quot;&gt;&amp;");
    CHECK(html("\xE9\n") == "\\xE9\\u000A");
    CHECK(html("π = 3.14") == "π = 3.14");
  }

  TEST_CASE("html: a template's names are replaced once and each needs a value") {
    CHECK(fill("a {{x}} b {{y}}{{x}}", {{"x", "{{y}}"}, {"y", "2"}}) == "a {{y}} b 2{{y}}");
    CHECK(throws_saying("'z' has no value", [] { fill("{{z}}", {}); }));
    CHECK(throws_saying("at byte 2 has no end", [] { fill("a {{z", {}); }));
  }
}
