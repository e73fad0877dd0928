#include "experiments/options.h"

#include <doctest/doctest.h>

#include "tests/experiments/small_experiment.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using cofactor::testing::contains;
using cofactor::testing::small_experiment;

namespace {

RunOptions parse(std::vector<const char*> flags) {
  flags.insert(flags.begin(), "small");
  const auto options = parse_options(small_experiment(), static_cast<int>(flags.size()), flags.data());
  REQUIRE(options.has_value());
  return *options;
}

std::string refusal(const std::vector<const char*>& flags) {
  try {
    parse(flags);
  } catch (const UsageError& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("options: the experiment's defaults hold where no flag is given") {
    const RunOptions options = parse({});
    CHECK(options.noises == std::vector<std::string>{"flip"});
    CHECK(options.rates == std::vector<double>{0.25});
    CHECK(options.methods == std::vector<std::string>{"ce", "dmi"});
    CHECK(options.seeds == std::vector<uint64_t>{1});
    CHECK(options.out == "runs/small");
    CHECK(options.precision == "f32");
    CHECK(options.threads == usable_cores());
    CHECK(options.loss.dmi == DmiOptions{});
    CHECK(options.sampler == SamplerKind::shuffled);
  }

  TEST_CASE("options: lists without repetitions in the order given") {
    const RunOptions options =
        parse({"--rate", "0.5,0,0.5", "--seed", "3,1", "--method", "dmi,dmi", "--noise", "uniform,flip"});
    CHECK(options.rates == std::vector<double>{0.5, 0.0});
    CHECK(options.seeds == std::vector<uint64_t>{3, 1});
    CHECK(options.methods == std::vector<std::string>{"dmi"});
    CHECK(options.noises == std::vector<std::string>{"uniform", "flip"});
  }

  TEST_CASE("options: --case counts the paper's noises from 1") {
    CHECK(parse({"--case", "1,2"}).noises == std::vector<std::string>{"uniform", "flip"});
    CHECK(contains(refusal({"--case", "3"}), "--case 3: expected a number from 1 to 2"));
    CHECK(contains(refusal({"--case", "0"}), "--case 0"));
    CHECK(contains(refusal({"--case", "1", "--noise", "flip"}), "--case"));
  }

  TEST_CASE("options: loss sampler and machine flags arrive") {
    const RunOptions options = parse({"--epsilon", "0.001", "--no-normalize", "--sampler", "stratified", "--device",
                                      "reference", "--threads", "3", "--workers", "0", "--limit", "7"});
    CHECK(options.loss.dmi == DmiOptions{false, 0.001});
    CHECK(options.sampler == SamplerKind::stratified);
    CHECK(options.device == Device::reference);
    CHECK(options.threads == 3);
    CHECK(options.workers == 0);
    CHECK(options.limit == 7);
  }

  TEST_CASE("options: what cannot be meant is refused with the value and what was expected") {
    CHECK(contains(refusal({"--rate", "1.5"}), "--rate 1.5: a noise rate lies in [0, 1]"));
    CHECK(contains(refusal({"--rate", "-0.1"}), "--rate"));
    CHECK(contains(refusal({"--rate", "nan"}), "--rate nan"));
    CHECK(contains(refusal({"--rate", "many"}), "--rate"));
    CHECK(contains(refusal({"--method", "magic"}), "--method magic: unknown name; there are ce, dmi"));
    CHECK(contains(refusal({"--noise", "loud"}), "--noise loud: unknown name; there are uniform, flip"));
    CHECK(contains(refusal({"--device", "abacus"}), "--device abacus"));
    CHECK(contains(refusal({"--precision", "f8"}), "there are f32, tf32, bf16"));
    CHECK(contains(refusal({"--precision", "tf32", "--device", "reference"}), "device reference has none"));
    CHECK(contains(refusal({"--epochs", "0"}), "--epochs 0: expected at least 1"));
    CHECK(contains(refusal({"--batch-size", "0"}), "--batch-size 0"));
    CHECK(contains(refusal({"--limit", "0"}), "--limit 0"));
    CHECK(contains(refusal({"--threads", "-1"}), "--threads -1"));
    CHECK(contains(refusal({"--workers", "-1"}), "--workers -1"));
    CHECK(contains(refusal({"--lr", "0"}), "--lr 0"));
    CHECK(contains(refusal({"--pretrain-lr", "inf"}), "--pretrain-lr inf"));
    CHECK(contains(refusal({"--epsilon", "-1"}), "--epsilon -1"));
    CHECK(contains(refusal({"--sampler", "lucky"}), "--sampler lucky"));
    CHECK(contains(refusal({"--no-such-flag"}), "--no-such-flag"));
    CHECK(contains(refusal({"--lr", "0.1", "--method", "ce"}), "there is --pretrain-lr"));
  }

  TEST_CASE("options: plans take what the command line replaces and steps keep their proportion") {
    const Experiment experiment = small_experiment();
    CHECK(plan_of(experiment, parse({}), "dmi").lr == 0.1);
    const RunOptions options = parse({"--lr", "0.02", "--pretrain-lr", "0.5", "--epochs", "7", "--batch-size", "5"});
    const TrainingPlan dmi = plan_of(experiment, options, "dmi");
    CHECK(dmi.lr == 0.02);
    REQUIRE(dmi.lr_steps.size() == 1);
    CHECK(dmi.lr_steps[0].lr == doctest::Approx(0.002));
    CHECK(dmi.epochs == 7);
    CHECK(dmi.batch_size == 5);
    CHECK(plan_of(experiment, options, "ce").lr == 0.5);
    CHECK_THROWS_AS(plan_of(experiment, options, "magic"), UsageError);
  }

  TEST_CASE("options: exit codes tell bad usage from failure") {
    CHECK(run_main("test", [] { return 0; }) == 0);
    CHECK(run_main("test", []() -> int { throw UsageError("usage, as the test wants it"); }) == 2);
    CHECK(run_main("test", []() -> int { throw Error("failure, as the test wants it"); }) == 1);
    CHECK(run_main("test", []() -> int { throw std::bad_alloc(); }) == 1);
  }

  TEST_CASE("options: a process may use at least one core and no more than the machine has") {
    CHECK(usable_cores() >= 1);
    CHECK(usable_cores() <= static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
  }
}
