// Kills fashion_mnist at any moment and starts it again: the result is that of a run left in peace.
#include <doctest/doctest.h>

#include "experiments/report/results.h"
#include "tests/experiments/process.h"
#include "tests/experiments/sweep/outcomes.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

const std::string kCell = "clothes-to-bags-rate0.2-seed1/";

// Kills the run `attempts` times after random waits below `longest`, then lets it end.
void run_with_kills(const Workplace& place, const std::vector<std::string>& command, uint64_t seed, int attempts,
                    std::chrono::microseconds longest) {
  for (int attempt = 0; attempt < attempts; ++attempt) {
    Process process(command, place.path());
    const double share = random_uniform({.seed = seed}, static_cast<uint64_t>(attempt));
    std::this_thread::sleep_for(
        std::chrono::duration<double, std::micro>(share * static_cast<double>(longest.count())));
    process.kill_and_wait();
  }
  const Outcome outcome = Process(command, place.path()).wait();
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
}

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("fashion_mnist: killed at any moment and started again it ends with the same bits and leaves no litter") {
    const Workplace place;
    std::vector<std::string> flags = {"--epochs", "4", "--batch-size", "25"};
    SUBCASE("whole batches") {}
    SUBCASE("batches in parts") {
      flags.insert(flags.end(), {"--dmi-batch", "90"});
    }
    const auto peaceful = place.path() / "peaceful";
    const auto began = std::chrono::steady_clock::now();
    REQUIRE(Process(place.command_in(peaceful, flags), place.path()).wait().code == 0);
    const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
    const auto wanted = outcome_in(peaceful);
    REQUIRE(wanted.size() == 4);
    for (const uint64_t seed : {1, 2}) {
      const auto out = place.path() / fmt::format("killed{}", seed);
      run_with_kills(place, place.command_in(out, flags), seed, 8, whole);
      CHECK(outcome_in(out) == wanted);
      for (const auto& [name, bytes] : files_below(out)) {
        CAPTURE(name);
        CHECK(!name.ends_with(".tmp"));
        CHECK(!name.ends_with("checkpoint.safetensors"));
      }
    }
  }

  TEST_CASE("fashion_mnist: a kill in each phase is resumed not started over") {
    const Workplace place;
    for (const std::string method : {"ce", "dmi"}) {
      CAPTURE(method);
      const auto out = place.path() / ("stopped-in-" + method);
      const auto command = place.command_in(out, {"--epochs", "15"});
      const auto checkpoint = out / (kCell + method) / "checkpoint.safetensors";
      {
        Process process(command, place.path());
        for (int wait = 0; wait < 3000 && !std::filesystem::exists(checkpoint); ++wait) {
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        REQUIRE(std::filesystem::exists(checkpoint));
        process.kill_and_wait();
      }
      const Outcome resumed = Process(command, place.path()).wait();
      CHECK(resumed.code == 0);
      CHECK(resumed.out.find(method + ": resumed after epoch") != std::string::npos);
    }
  }

  TEST_CASE("fashion_mnist: one folder one process") {
    const Workplace place;
    Process first(place.command({"--epochs", "500"}), place.path());
    const auto checkpoint = place.out() / (kCell + "ce") / "checkpoint.safetensors";
    for (int wait = 0; wait < 3000 && !std::filesystem::exists(checkpoint); ++wait) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    const TemporaryFolder elsewhere;
    const Outcome second = Process(place.command({"--epochs", "500"}), elsewhere.path()).wait();
    CHECK(second.code == 1);
    CHECK(second.err.find("another process is writing its results here") != std::string::npos);
    first.kill_and_wait();
  }
}
