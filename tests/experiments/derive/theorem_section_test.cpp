// Tables, checks and the table of numbers of derive theorem.
#include "experiments/derive/theorem_section.h"

#include <doctest/doctest.h>

#include "tests/fixtures/numbers.h"

namespace cofactor::theorem {
namespace {

using namespace testing;

Holds compared(std::initializer_list<double> differences) {
  Holds check("a = b", 1e-9);
  for (const double difference : differences) check.compare(difference);
  return check;
}

TEST_SUITE("unit") {
  TEST_CASE("derive theorem sections: a check holds up to its limit and never for NaN") {
    CHECK(compared({}).line() == "not checked: a = b");
    CHECK(compared({0.0, 3e-15, 1e-15}).line() == "holds: largest difference 3e-15, limit 1e-09: a = b");
    CHECK(compared({1e-9}).line().starts_with("holds"));
    CHECK(compared({2e-9, 0.0}).line() == "does not hold: largest difference 2e-09, limit 1e-09: a = b");
    CHECK(compared({kInfinity}).line().starts_with("does not hold"));
    CHECK(compared({kNan, 0.0}).line() == "does not hold: largest difference nan, limit 1e-09: a = b");
    CHECK(compared({0.0, kNan}).line().starts_with("does not hold"));
    CHECK(compared({0.0, kNan}).is_wrong());
    CHECK(compared({2e-9}).is_wrong());
    CHECK(!compared({1e-10}).is_wrong());
    CHECK(!compared({}).is_wrong());
  }

  TEST_CASE("derive theorem sections: as text and as Markdown") {
    const Section section{.title = "1. Title",
                          .see = "One sees.",
                          .tables = {{{"noise", "|det T|"}, {{"flip 0.4", "0.6"}, {"x", "12.25"}}}},
                          .checks = {compared({0.0})}};
    CHECK(format_section(section, false) ==
          "1. Title\n  One sees.\n\n  noise     |det T|\n  flip 0.4      0.6\n  x           12.25\n\n"
          "  holds: largest difference 0, limit 1e-09: a = b\n\n");
    CHECK(format_section(section, true) ==
          "## 1. Title\n\nOne sees.\n\n| noise | \\|det T\\| |\n| --- | ---: |\n| flip 0.4 | 0.6 |\n| x | 12.25 |\n\n"
          "- holds: largest difference 0, limit 1e-09: a = b\n\n");
  }

  TEST_CASE("derive theorem sections: numbers keep all their digits in the table of numbers") {
    NumbersCsv csv;
    csv.add("order", "flip, or not", "7", "dmi", 1.0 / 3.0);
    CHECK(csv.text() == "part,noise,item,quantity,value\norder,\"flip, or not\",7,dmi,0.3333333333333333\n");
    CHECK(number(0.123456) == "0.1235");
    CHECK(number(0.0) == "0");
  }
}

}  // namespace
}  // namespace cofactor::theorem
