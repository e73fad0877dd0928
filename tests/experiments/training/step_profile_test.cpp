#include "experiments/training/step_profile.h"

#include <doctest/doctest.h>

#include "engine/io/json.h"
#include "tests/experiments/training/phase_bench.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

// Steps of a recorded trace.
int steps_in(const std::filesystem::path& trace) {
  return field<int>(parse_json(read_file(trace))["otherData"], "steps");
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("step profile: skipped batches do not count and weights are those without a profile") {
    PhaseBench plain, profiled;  // 4 epochs of 3 batches
    StepProfile profile({.file = profiled.folder.path() / "trace.json", .steps = 3, .warm_up = 2});
    profiled.options.profile = &profile;
    SmallNetwork a(1, Device::reference), b(1, Device::reference);
    Scripted first, second;
    first.skipped = second.skipped = {1};
    plain.train(a, first);
    profiled.train(b, second);
    CHECK(weights_of(a) == weights_of(b));
    CHECK(plain.weights() == profiled.weights());
    CHECK(steps_in(profiled.folder.path() / "trace.json") == 3);
    CHECK(profile.written());
    CHECK(contains(profiled.log(), "profile of the run: 3 steps on reference"));
  }

  TEST_CASE("step profile: a trace that cannot be written does not end the run") {
    PhaseBench plain, profiled;
    StepProfile profile({.file = profiled.folder.path() / "missing" / "trace.json", .steps = 3, .warm_up = 2});
    profiled.options.profile = &profile;
    SmallNetwork a(1, Device::reference), b(1, Device::reference);
    Scripted first, second;
    plain.train(a, first);
    CHECK(profiled.train(b, second).size() == 4);
    CHECK(plain.weights() == profiled.weights());
    CHECK(!profile.written());
    CHECK(profile.missing() == "the trace could not be written");
  }

  TEST_CASE("step profile: a run that fails within its steps leaves the next one to be recorded") {
    PhaseBench failing, next;
    StepProfile profile({.file = next.folder.path() / "trace.json", .steps = 5, .warm_up = 2});
    failing.options.profile = next.options.profile = &profile;
    SmallNetwork network(1, Device::reference), other(1, Device::reference);
    Scripted loss, good;
    loss.nan_at = 4;
    CHECK(throws_saying("step 4", [&] { failing.train(network, loss); }));
    CHECK(!profile.written());
    next.phase.label = "the next run";
    next.train(other, good);
    CHECK(steps_in(next.folder.path() / "trace.json") == 5);
    CHECK(contains(read_file(next.folder.path() / "trace.json"), "the next run"));
  }
}
