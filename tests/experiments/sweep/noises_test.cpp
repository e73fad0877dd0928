#include "experiments/sweep/noises.h"

#include <doctest/doctest.h>

#include "engine/io/file.h"
#include "experiments/sweep/cell_runner.h"
#include "experiments/sweep/protocol.h"
#include "experiments/sweep/settings.h"
#include "tests/experiments/small_experiment.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

RunOptions parse_noise(std::vector<std::string> flags) {
  std::vector<const char*> words = {"small", "--device", "reference"};
  for (const std::string& flag : flags) words.push_back(flag.c_str());
  SmallExperiment experiment;
  return parse_options(experiment, static_cast<int>(words.size()), words.data()).value();
}

std::string noise_refusal(const std::vector<std::string>& flags) {
  return error_of([&] { parse_noise(flags); });
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("noises: none leaves labels as they are and counts as rate 0") {
    const RunOptions options = parse_noise({"--noise", "none,flip", "--rate", "0.1,0.5"});
    CHECK(rates_of(options, "none") == std::vector<double>{0.0});
    CHECK(rates_of(options, "flip") == std::vector<double>{0.1, 0.5});
    CHECK(noise_of(SmallExperiment(), options, "none", 0.0).values() == std::vector<double>{1, 0, 0, 1});
    CHECK(noise_of(SmallExperiment(), options, "flip", 0.5).at(0, 1) == 0.5);
    CHECK(contains(noise_refusal({"--noise", "none", "--rate", "0.1"}), "--rate 0.1: --noise none has no rate"));
  }

  TEST_CASE("noises: a matrix in a file is the noise and is part of the settings") {
    const TemporaryFolder folder;
    const std::string file = folder / "t.txt";
    write_file_atomically(file, "0.75 0.25\n0.5 0.5\n");
    const RunOptions options = parse_noise({"--noise", "transition", "--transition", file, "--method", "ce"});
    const Transition t = noise_of(SmallExperiment(), options, "transition", 0.0);
    CHECK(t.values() == std::vector<double>{0.75, 0.25, 0.5, 0.5});
    const std::string settings = settings_of(SmallExperiment(), options, small_data(), {"transition", 0.0, 1}, "ce");
    CHECK(contains(settings, "\"transition\":[0.75,0.25,0.5,0.5]"));
    CHECK(!contains(settings_of(SmallExperiment(), options, small_data(), {"flip", 0.5, 1}, "ce"), "0.75"));

    CHECK(contains(noise_refusal({"--noise", "transition"}), "--transition names the file"));
    // A file that nothing reads.
    CHECK(contains(noise_refusal({"--transition", file}), "--transition: it is for fw and bw and --noise transition"));
    write_file_atomically(file, "0.5 0.5\n0.5 0.5\n");
    const RunOptions singular = parse_noise({"--noise", "transition", "--transition", file});
    CHECK(contains(error_of([&] { check_feasible(SmallExperiment(), singular); }),
                   "--noise transition: the labels carry no signal for dmi: the transition"));
  }

  TEST_CASE("noises: classes that are found in the data are what a matrix is held against") {
    const TemporaryFolder folder;
    const std::string file = folder / "t.txt";
    write_file_atomically(file, "1 0 0\n0 1 0\n0.5 0 0.5\n");
    class ThreeClasses : public SmallExperiment {
     public:
      std::vector<std::string> find_classes(const Folders& folders) const override {
        CHECK(folders.data == "somewhere");
        CHECK(folders.out == "runs/small");
        return {"a", "b", "c"};
      }
    };
    ThreeClasses experiment;
    const std::vector<const char*> words = {"small",   "--device",   "reference",    "--data",    "somewhere",
                                            "--noise", "transition", "--transition", file.c_str()};
    const auto options = parse_options(experiment, static_cast<int>(words.size()), words.data());
    CHECK(options->transition->classes() == 3);
    CHECK(options->class_names == std::vector<std::string>{"a", "b", "c"});
  }

  TEST_CASE("protocol: a validation limit leaves the first validation samples") {
    const RunOptions options = parse_noise({"--validation-limit", "7"});
    const DataSplits few = limited(small_splits(), options);
    CHECK(few.validation.size() == 7);
    CHECK(few.train.size() == small_splits().train.size());
    RunOptions many = options;
    many.validation_limit = 21;
    CHECK(contains(error_of([&] { limited(small_splits(), many); }), "--validation-limit 21: there are 20 validation"));
    CHECK(contains(noise_refusal({"--validation-limit", "0"}), "--validation-limit 0"));
  }

  TEST_CASE("experiment: every method without a plan gets the one for the others") {
    ExperimentTable table = small_table();
    TrainingPlan plan;
    plan.lr = 0.125;
    table.finetune_others(plan);
    CHECK(table.methods().size() == loss_names().size());
    CHECK(table.finetuning[0].second.lr == 0.1);  // dmi's own
    for (size_t i = 1; i < table.finetuning.size(); ++i) CHECK(table.finetuning[i].second.lr == 0.125);
  }
}
