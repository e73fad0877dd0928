#include "experiments/report/paper.h"

#include <doctest/doctest.h>

#include "engine/io/file.h"
#include "experiments/report/texts.h"
#include "tests/experiments/report/finished_lines.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using cofactor::testing::full_run;
using cofactor::testing::throws_saying;

TEST_SUITE("unit") {
  TEST_CASE("paper: the values are those of docs/results/paper.csv and empty ones are left out") {
    CHECK(kPaperValues == read_file(std::string(COFACTOR_SOURCE_DIR) + "/docs/results/paper.csv"));
    const auto value = [](std::string_view experiment, std::string_view method, double rate) {
      for (const PaperValue& one : paper_values()) {
        if (one.experiment == experiment && one.method == method && one.rate == rate) return one.accuracy;
      }
      return -1.0;
    };
    CHECK(value("clothing1m", "dmi", 0.0) == 72.46);
    CHECK(value("cifar10", "dmi", 0.9) == 85.9);
    CHECK(value("cifar10", "ce", 0.1) == -1.0);
    CHECK(value("fashion_mnist", "dmi", 0.5) == -1.0);
  }

  TEST_CASE("paper: a line that is no value is told of with its number") {
    const std::string head = "# source\nsource,dataset,method,noise_rate,test_accuracy\n";
    CHECK(parse_paper_values(head + "t,a,ce,,1\n\nt,a,ce,0.5,\n").size() == 1);
    CHECK(throws_saying("line 3: 'x' is not a number", [&] { parse_paper_values(head + "t,a,ce,x,1\n"); }));
    CHECK(throws_saying("line 3: 'nan' is not a number", [&] { parse_paper_values(head + "t,a,ce,0,nan\n"); }));
    CHECK(throws_saying("line 3: 2 columns", [&] { parse_paper_values(head + "t,a\n"); }));
    CHECK(throws_saying("line 1: expected the columns", [] { parse_paper_values("t,a,ce,0,1\n"); }));
  }

  TEST_CASE("paper: a result belongs to the panel of its experiment and noise") {
    Result run = full_run("dmi", 1, 98.0);
    const PaperPanel* panel = panel_of(run);
    REQUIRE(panel != nullptr);
    CHECK(panel->figure == "Figure 2");
    CHECK(panel->title == "Case 3: clothes labelled as bags");
    run.noise = "none";
    CHECK(panel_of(run) == nullptr);
  }
}
