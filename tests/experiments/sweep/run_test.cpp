#include "experiments/sweep/run.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "experiments/sweep/settings.h"
#include "tests/experiments/small_experiment.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

RunOptions options_of_flags(std::vector<const char*> flags) {
  flags.insert(flags.begin(), {"small", "--device", "reference", "--out", "results"});
  SmallExperiment experiment;
  return parse_options(experiment, static_cast<int>(flags.size()), flags.data()).value();
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("runs: every noise rate and seed is a cell and every method of it a run") {
    const SmallExperiment experiment;
    const ExperimentData data = small_data();
    const RunOptions options = options_of_flags({"--noise", "none,flip", "--rate", "0.1,0.2", "--seed", "1,2"});
    const std::vector<CellRuns> cells = plan_runs(experiment, options, data);
    REQUIRE(cells.size() == 6);  // none has no rate
    CHECK(cells[1].cell.label() == "none, rate 0, seed 2");
    CHECK(cells[2].cell.folder() == "flip-rate0.1-seed1");
    const CellRuns& cell = cells[5];
    CHECK(cell.methods() == std::vector<std::string>{"ce", "dmi"});
    CHECK(cell.pretraining.is_pretraining());
    CHECK(cell.pretraining.phase.selection == Selection::validation_accuracy);
    CHECK(!cell.pretraining.phase.is_finetuning());
    REQUIRE(cell.finetuning.size() == 1);
    const Run& dmi = cell.finetuning[0];
    CHECK(!dmi.is_pretraining());
    CHECK(dmi.phase.label == "flip, rate 0.2, seed 2, dmi");
    CHECK(dmi.phase.folder == "results/flip-rate0.2-seed2/dmi");
    CHECK(dmi.phase.selection == Selection::validation_loss);
    CHECK(dmi.phase.first_epoch == 3);  // after pre-training's
    CHECK(dmi.phase.seed == 2);
    CHECK(dmi.phase.settings == settings_of(experiment, options, data, cell.cell, "dmi"));
    CHECK(dmi.result.settings == result_settings_of(dmi.phase.settings, options, data));
    CHECK(dmi.result.label() == "small, flip, rate 0.2, dmi, seed 2");
    CHECK(dmi.samples(60) == 3 * 60);
  }

  TEST_CASE("runs: the shards of a sweep have each of its cells once with all folds whatever the number of shards") {
    const SmallExperiment experiment;
    const ExperimentData data = small_data();
    RunOptions options = options_of_flags({"--noise", "none,flip", "--rate", "0.1,0.2,0.3", "--seed", "1,2"});
    options.cross_fitting.folds = 3;
    std::vector<std::string> all;
    for (const CellRuns& runs : plan_runs(experiment, options, data)) all.push_back(runs.cell.label());
    REQUIRE(all.size() == 8 * 4);
    for (int count = 1; count <= 10; ++count) {
      CAPTURE(count);
      std::vector<std::string> together;
      size_t least = 8, most = 0;
      for (int index = 1; index <= count; ++index) {
        options.shard = Shard{index, count};
        const std::vector<CellRuns> cells = plan_runs(experiment, options, data);
        CHECK(cells.size() == 4 * cells_of(options).size());
        least = std::min(least, cells.size() / 4);
        most = std::max(most, cells.size() / 4);
        for (const CellRuns& runs : cells) together.push_back(runs.cell.label());
      }
      CHECK(most - least <= 1);
      CHECK(std::ranges::is_permutation(together, all));
    }
  }

  TEST_CASE("runs: pre-training is part of a cell whether or not ce is asked for") {
    const RunOptions options = options_of_flags({"--method", "dmi"});
    const CellRuns cell = plan_runs(SmallExperiment(), options, small_data()).at(0);
    CHECK(cell.pretraining.method() == "ce");
    CHECK(!cell.tests_pretraining);
    CHECK(cell.methods() == std::vector<std::string>{"dmi"});
    CHECK(!cell.empty());
  }

  TEST_CASE("runs: a search is a phase per candidate in a folder of its own and pre-training has none") {
    const SmallExperiment experiment;
    const ExperimentData data = small_data();
    const RunOptions options = options_of_flags({"--search", "--lr", "0.1,0.2", "--batch-size", "20"});
    const CellRuns cell = plan_runs(experiment, options, data).at(0);
    CHECK(cell.pretraining.candidates.empty());
    const Run& dmi = cell.finetuning.at(0);
    REQUIRE(dmi.candidates.size() == 2);
    const CandidateRun& second = dmi.candidates[1];
    CHECK(second.candidate.lr == 0.2);
    CHECK(second.phase.plan.lr == 0.2);
    CHECK(second.phase.folder == "results/flip-rate0.25-seed1/dmi/search-lr0.2-batch20");
    CHECK(second.phase.label == "flip, rate 0.25, seed 1, dmi, lr 0.2, batch size 20");
    CHECK(second.phase.settings == settings_of(experiment, options, data, dmi.cell, "dmi", second.phase.plan));
    CHECK(dmi.samples(60) == 2 * 3 * 60);
  }
}
