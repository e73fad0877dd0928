// Two processes with one --out, started and killed at any moment: what they leave is whole and can be resumed.
#include <doctest/doctest.h>

#include "engine/random.h"
#include "experiments/report/results.h"
#include "experiments/training/checkpoint.h"
#include "tests/experiments/process.h"
#include "tests/experiments/sweep/outcomes.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

namespace fs = std::filesystem;
using Seconds = std::chrono::duration<double>;

// Reads every file that a run has put in place; a file that is not whole throws. Returns how many results there are.
size_t read_everything(const fs::path& out) {
  for (const auto& [name, bytes] : files_below(out)) {
    if (fs::path(name).filename().string().starts_with(".")) continue;  // the lock, and what was being written
    CAPTURE(name);
    if (name.ends_with(".safetensors")) CHECK(!load_safetensors(out / name, Device::reference).tensors.empty());
    if (name.ends_with("metrics.jsonl")) CHECK(!read_metrics(out / name).empty());
  }
  if (!fs::exists(out / "results.jsonl")) return 0;
  const ResultsFile file = read_results(out / "results.jsonl");
  CHECK(file.cut_short.empty());
  return file.results.size();
}

// Starts two processes and kills first one, or both, and then the other. Returns how many of them were refused.
int start_and_kill_two(const Workplace& place, const std::vector<std::string>& command, int attempt, Seconds whole) {
  uint64_t draws = 0;
  const auto draw = [&] { return random_uniform({.seed = static_cast<uint64_t>(attempt)}, draws++); };
  const auto pause = [&](double share) { std::this_thread::sleep_for(whole * share * draw()); };
  const TemporaryFolder elsewhere;  // for what the second prints
  Process one(command, place.path());
  pause(attempt % 3 == 0 ? 0.02 : 0.5);
  Process two(command, elsewhere.path());
  pause(0.5);
  const bool first_is_one = draw() < 0.5;
  Process &first = first_is_one ? one : two, &other = first_is_one ? two : one;
  const Outcome killed = first.kill_and_wait();
  if (draw() < 0.5) pause(0.5);
  const Outcome also = other.kill_and_wait();
  int refused = 0;
  for (const Outcome& outcome : {killed, also}) {
    CAPTURE(outcome.err);
    if (outcome.code <= 0) continue;  // killed, or done before
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, "another process is writing its results here"));
    ++refused;
  }
  return refused;
}

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("two processes: on one --out and killed at any moment they leave whole files that a third goes on from") {
    const Workplace place({.train = 300, .test = 50});
    const std::vector<std::string> flags = {"--rate", "0,0.2", "--epochs", "4", "--batch-size", "25"};
    const fs::path peaceful = place.path() / "peaceful";
    const auto began = std::chrono::steady_clock::now();
    REQUIRE(Process(place.command_in(peaceful, flags), place.path()).wait().code == 0);
    const Seconds whole = std::chrono::steady_clock::now() - began;
    const auto wanted = outcome_in(peaceful);
    REQUIRE(wanted.size() == 8);

    int refused = 0, sweeps = 1;
    const auto folder = [&] { return place.path() / fmt::format("sweep{}", sweeps); };
    for (int attempt = 0; attempt < 30; ++attempt) {
      CAPTURE(attempt);
      refused += start_and_kill_two(place, place.command_in(folder(), flags), attempt, whole);
      if (read_everything(folder()) == 4) ++sweeps;  // it is done: the next begins
    }
    CHECK(refused > 0);
    for (; sweeps > 0; --sweeps) {
      const Outcome outcome = Process(place.command_in(folder(), flags), place.path()).wait();
      CAPTURE(outcome.err);
      CHECK(outcome.code == 0);
      CHECK(outcome_in(folder()) == wanted);
      for (const auto& [name, bytes] : files_below(folder())) CHECK(!name.ends_with(".tmp"));
    }
  }
}
