#include "engine/io/text.h"

#include <doctest/doctest.h>

namespace cofactor::testing {

TEST_SUITE("unit") {
  TEST_CASE("text: spaces at the ends are trimmed") {
    CHECK(trimmed(" \t a b\r") == "a b");
    CHECK(trimmed("a") == "a");
    CHECK(trimmed("\n ") == "\n");
    CHECK(trimmed(" \t\r").empty());
    CHECK(trimmed("").empty());
  }

  TEST_CASE("text: only ASCII letters change to lower case") {
    CHECK(lower_case("AZ az [@ 09") == "az az [@ 09");
    CHECK(lower_case("\u00C9\xC9") == "\u00C9\xC9");
  }

  TEST_CASE("text: lines are taken off one by one") {
    std::string_view text = "one\n\ntwo\r\nthree";
    CHECK(take_line(text) == "one");
    CHECK(take_line(text) == "");
    CHECK(take_line(text) == "two\r");
    CHECK(take_line(text) == "three");
    CHECK(text.empty());
    CHECK(take_line(text).empty());
  }

  TEST_CASE("text: line ends of all kinds are counted") {
    CHECK(count_line_ends("") == 0);
    CHECK(count_line_ends("one") == 0);
    CHECK(count_line_ends("one\ntwo\r\nthree\rfour\n\n") == 5);
    CHECK(count_line_ends("\r\r\n") == 2);
  }
}

}  // namespace cofactor::testing
