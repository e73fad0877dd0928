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

  TEST_CASE("paper: only runs with the protocol's full epochs and data count") {
    const PaperPanel* panel = panel_of(full_run(0.2, "dmi", 1, 98.0));
    REQUIRE(panel != nullptr);
    CHECK(panel->figure == "Figure 2");
    CHECK(why_not_counted(full_run(0.2, "dmi", 1, 98.0), *panel).empty());
    Result run = full_run(0.2, "dmi", 1, 98.0);
    run.epochs = 8;
    CHECK(why_not_counted(run, *panel) == "8 of 20 epochs");
    run = full_run(0.2, "ce", 1, 98.0);
    run.settings = R"({"data":{"train":{"samples":100}},"pretraining":{"epochs":20}})";
    CHECK(why_not_counted(run, *panel) == "100 of 50000 training samples");
    run.settings = R"({"data":{"train":{"samples":50000}},"pretraining":{"epochs":2}})";
    CHECK(why_not_counted(run, *panel) == "2 of 20 epochs of pre-training");
    run.settings = R"({"pretraining":{"epochs":20}})";
    CHECK(why_not_counted(run, *panel) == "its settings do not name its data");
    run.settings = "{}";
    CHECK(why_not_counted(run, *panel).find("do not say how it was trained") != std::string::npos);
    run.noise = "none";
    CHECK(panel_of(run) == nullptr);
  }
}
