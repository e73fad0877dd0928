#include "experiments/sweep/options.h"

#include <doctest/doctest.h>

#include "engine/cores.h"
#include "experiments/sweep/program.h"
#include "experiments/training/duration.h"
#include "tests/experiments/small_experiment.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using cofactor::testing::contains;
using cofactor::testing::SmallExperiment;

namespace {

RunOptions parse(std::vector<const char*> flags) {
  flags.insert(flags.begin(), "small");
  SmallExperiment experiment;
  const auto options = parse_options(experiment, static_cast<int>(flags.size()), flags.data());
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
    CHECK(options.trainer.threads == usable_cores());
    CHECK(options.loss.empty());
    CHECK(options.trainer.sampler == SamplerKind::shuffled);
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
    CHECK(options.loss == MethodOptions{{"dmi", {{"normalize", false}, {"epsilon", 0.001}}}});
    CHECK(options.trainer.sampler == SamplerKind::stratified);
    CHECK(options.trainer.device == Device::reference);
    CHECK(options.trainer.threads == 3);
    CHECK(options.trainer.workers == 0);
    CHECK(options.limit == 7);
  }

  TEST_CASE("options: a shard has a folder of its own below --out") {
    const RunOptions options = parse({"--shard", "2/3", "--out", "there"});
    CHECK(options.shard == Shard{2, 3});
    CHECK(options.out == "there/shard2of3");
    CHECK(options.sweep_folder() == "there");
    CHECK(parse({"--out", "there"}).sweep_folder() == "there");
    CHECK(parse({"--shard", "1/1"}).out == "runs/small/shard1of1");
    CHECK(parse({"--shard", "10000/10000"}).shard == Shard{10000, 10000});
    for (const char* bad : {"0/4", "5/4", "a/b", "1/0", "3", "1/999999", "/16", "1/", "", "/", "-1/4", "+1/4", "1/4/2",
                            "1 /4", "1/4 ", "1.5/4", "99999999999999999999/4", "1of4"}) {
      CAPTURE(bad);
      CHECK(refusal({"--shard", bad}) == fmt::format("--shard {}: expected I/N, the number of this shard and that of "
                                                     "all, 1 <= I <= N <= 10000, such as 3/16",
                                                     bad));
    }
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
    CHECK(contains(refusal({"--precision", "tf32", "--device", "reference"}), "device reference has no TF32"));
    CHECK(contains(refusal({"--epochs", "0"}), "--epochs 0: expected 1 to 100000"));
    CHECK(contains(refusal({"--batch-size", "0"}), "--batch-size 0"));
    CHECK(contains(refusal({"--limit", "0"}), "--limit 0"));
    CHECK(contains(refusal({"--threads", "-1"}), "--threads -1"));
    CHECK(contains(refusal({"--workers", "-1"}), "--workers -1"));
    CHECK(contains(refusal({"--lr", "0"}), "--lr 0"));
    CHECK(contains(refusal({"--pretrain-lr", "inf"}), "--pretrain-lr inf"));
    CHECK(contains(refusal({"--epsilon", "-1"}), "--epsilon -1"));
    CHECK(contains(refusal({"--dmi-batch", "-5"}), "--dmi-batch -5: dmi: a logical batch of -5 samples"));
    CHECK(contains(refusal({"--dmi-batch", "9223372036854775807"}), "expected 0 to 1000000000"));
    CHECK(contains(refusal({"--dmi-batch", "1e3x"}), "--dmi-batch"));
    CHECK(contains(refusal({"--dmi-batch", "60", "--method", "ce"}), "--dmi-batch: it is for dmi"));
    CHECK(contains(refusal({"--sampler", "lucky"}), "--sampler lucky"));
    CHECK(contains(refusal({"--no-such-flag"}), "--no-such-flag"));
    CHECK(contains(refusal({"--lr", "0.1", "--method", "ce"}), "there is --pretrain-lr"));
  }

  TEST_CASE("options: numbers are judged as they are written") {
    CHECK(contains(refusal({"--seed", "-1"}), "--seed -1: expected a whole number from 0 to 18446744073709551615"));
    CHECK(contains(refusal({"--seed", "1,-2"}), "--seed -2"));
    CHECK(contains(refusal({"--seed", "99999999999999999999"}), "--seed 99999999999999999999"));
    CHECK(contains(refusal({"--seed", "1.5"}), "--seed 1.5"));
    CHECK(parse({"--seed", "18446744073709551615"}).seeds == std::vector<uint64_t>{UINT64_MAX});
    CHECK(parse({"--seed", "010"}).seeds == std::vector<uint64_t>{10});
    CHECK(contains(refusal({"--epochs", "4294967297"}), "4294967297"));
    CHECK(contains(refusal({"--batch-size", "99999999999999999999"}), "--batch-size 99999999999999999999"));
    CHECK(contains(refusal({"--batch-size", "10000000000"}), "expected 1 to 1000000000"));
    CHECK(contains(refusal({"--rate", "1e400"}), "--rate 1e400: expected a finite number"));
    CHECK(contains(refusal({"--lr", "inf"}), "--lr inf: expected a finite number"));
    CHECK(contains(refusal({"--lr", "1e-400"}), "--lr 1e-400"));
    for (const char* flag : {"--epsilon", "--lr", "--pretrain-lr", "--rate"}) {
      CAPTURE(flag);
      CHECK(contains(refusal({flag, "nan"}), fmt::format("{} nan: expected a finite number", flag)));
    }
    const std::string most = fmt::format("{}", max_threads()), more = fmt::format("{}", max_threads() + 1);
    CHECK(max_threads() >= std::max(64, 4 * usable_cores()));
    for (const char* flag : {"--threads", "--jobs", "--workers"}) {
      CAPTURE(flag);
      CHECK(contains(refusal({flag, more.c_str()}), fmt::format("{} {}: expected", flag, more)));
      CHECK(contains(refusal({flag, "100000"}), fmt::format("to {}", most)));
    }
    CHECK(contains(refusal({"--threads", "0"}), "--threads 0: expected 1 to"));
  }

  TEST_CASE("options: how often a checkpoint is written is a time") {
    CHECK(parse({}).trainer.checkpoint_every == 300.0);
    CHECK(parse({"--checkpoint-every", "0"}).trainer.checkpoint_every == 0.0);
    CHECK(parse({"--checkpoint-every", "1h"}).trainer.checkpoint_every == 3600.0);
    CHECK(contains(refusal({"--checkpoint-every", "often"}), "--checkpoint-every often: expected a time such as"));
    CHECK(contains(refusal({"--checkpoint-every=-1"}), "--checkpoint-every -1"));
  }

  TEST_CASE("durations: as people write them") {
    for (const auto& [text, seconds] : std::vector<std::pair<const char*, double>>{{"90", 90},
                                                                                   {"30s", 30},
                                                                                   {"5m", 300},
                                                                                   {"5min", 300},
                                                                                   {"1.5h", 5400},
                                                                                   {"200ms", 0.2},
                                                                                   {"1d", 86400},
                                                                                   {"0", 0},
                                                                                   {"0.001s", 0.001},
                                                                                   {"2 h", 7200}}) {
      CAPTURE(text);
      CHECK(parse_duration(text) == doctest::Approx(seconds));
    }
    for (const char* text : {"", "s", "-1", "-5m", "nan", "inf", "1e400", "5x", "5m5", "101d", "1 2", "0x10"}) {
      CAPTURE(text);
      CHECK_THROWS_AS(parse_duration(text), Error);
    }
  }

  TEST_CASE("options: plans take what the command line replaces and steps keep their proportion") {
    const SmallExperiment experiment;
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

  TEST_CASE("options: an error names its program once") {
    CHECK(with_program("train", "no image") == "train: no image");
    CHECK(with_program("movie_reviews", "movie_reviews: no file") == "movie_reviews: no file");
  }

  TEST_CASE("options: a process may use at least one core and no more than the machine has") {
    CHECK(usable_cores() >= 1);
    CHECK(usable_cores() <= static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
  }
}
