#include "experiments/report/full_protocol.h"

#include <doctest/doctest.h>

#include "tests/experiments/report/example_runs.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

// What the run lacks after a replacement in its settings.
std::string lacks(Result result, const std::string& from, const std::string& to) {
  const size_t at = result.settings.find(from);
  REQUIRE(at != std::string::npos);
  result.settings.replace(at, from.size(), to);
  return missing_from_protocol(result);
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("full protocol: runs with all epochs and samples lack nothing") {
    CHECK(missing_from_protocol(full_run("ce", 1, 99.0)).empty());
    CHECK(missing_from_protocol(full_run("dmi", 1, 99.0)).empty());
  }

  TEST_CASE("full protocol: fewer epochs or samples are named") {
    const Result run = full_run("dmi", 1, 99.0);
    CHECK(lacks(run, "\"samples\":50000", "\"samples\":5000") == "train has 5000 of 50000 samples");
    CHECK(lacks(run, "\"samples\":10000", "\"samples\":9999") == "validation has 9999 of 10000 samples");
    CHECK(lacks(run, "\"test\":{\"samples\":10000", "\"test\":{\"samples\":1") == "test has 1 of 10000 samples");
    CHECK(lacks(run, "\"epochs\":20", "\"epochs\":2") == "pretraining has 2 of 20 epochs");
    const std::string plan = "\"finetuning\":{\"optimizer\":\"adam\",\"lr\":0.0001,\"epochs\":";
    CHECK(lacks(run, plan + "20", plan + "8") == "finetuning has 8 of 20 epochs");
    Result stopped = run;
    stopped.epochs = 19;
    CHECK(missing_from_protocol(stopped) == "the result has 19 of 20 epochs");
  }

  TEST_CASE("full protocol: each method has its own number of epochs") {
    CHECK(full_protocol("cifar10").finetuning_epochs("dmi") == 100);
    CHECK(full_protocol("cifar10").finetuning_epochs("gce") == 120);
  }

  TEST_CASE("full protocol: settings that do not say and experiments without one lack it") {
    Result run = full_run("ce", 1, 99.0);
    run.settings = "{}";
    CHECK(missing_from_protocol(run) == "there is no field 'data'");
    run = full_run("ce", 1, 99.0);
    run.experiment = "train";
    CHECK(missing_from_protocol(run) == "train is not an experiment of the paper");
  }
}
