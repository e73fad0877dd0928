// --jobs: cells in processes of their own.
#include <doctest/doctest.h>

#include <sstream>

#include "experiments/report/results.h"
#include "tests/experiments/process.h"
#include "tests/experiments/sweep/outcomes.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

const std::vector<std::string> kCells = {"clothes-to-bags-rate0-seed1", "clothes-to-bags-rate0.2-seed1",
                                         "clothes-to-bags-rate0.5-seed1"};

std::vector<std::string> sweep(std::vector<std::string> more) {
  more.insert(more.end(), {"--rate", "0,0.2,0.5"});
  return more;
}

// The processes that a process has started.
std::vector<pid_t> children_of(pid_t parent) {
  std::istringstream list(read_file(fmt::format("/proc/{0}/task/{0}/children", parent)));
  std::vector<pid_t> children;
  for (pid_t child; list >> child;) children.push_back(child);
  return children;
}

bool ends(pid_t process) {
  for (int wait = 0; wait < 1000; ++wait) {
    if (!std::filesystem::exists(fmt::format("/proc/{}/exe", process))) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("jobs: cells in processes of their own have the results of one process with as many threads each") {
    const Workplace place({.train = 300, .test = 50});
    const auto alone = place.path() / "alone";
    std::vector<std::string> flags;
    SUBCASE("whole batches") {}
    SUBCASE("batches in parts") {
      flags = {"--dmi-batch", "120"};
    }
    REQUIRE(Process(place.command_in(alone, sweep(flags)), place.path()).wait().code == 0);
    flags.insert(flags.end(), {"--jobs", "2"});
    const Outcome outcome = place.run(sweep(flags));
    CAPTURE(outcome.err);
    CHECK(outcome.out.find("\n1 of 3 cells done, ") != std::string::npos);
    CHECK(outcome.out.find("\n3 of 3 cells done\n") != std::string::npos);
    REQUIRE(outcome.code == 0);
    CHECK(outcome_in(place.out()) == outcome_in(alone));
    CHECK(outcome_in(place.out()).size() == 12);
    CHECK(contains(outcome.out,
                   "2 cells at once, each in a process with --threads 1: there are more of them than threads"));
    CHECK(contains(outcome.out, "clothes-to-bags, rate 0.5, seed 1, dmi: epoch 2/2"));
    CHECK(contains(outcome.out, "test accuracy (%)"));  // the table, once all is done
    const Outcome again = place.run(sweep(flags));
    CHECK(again.code == 0);
    CHECK(!contains(again.out, "epoch"));
  }

  TEST_CASE("jobs: a cell that fails does not stop the others and the exit code says so") {
    const Workplace place({.train = 300, .test = 50});
    const auto bad = place.out() / kCells[1] / "ce" / "weights.safetensors";
    std::filesystem::create_directories(bad.parent_path());
    write_file_atomically(bad, "no weights");
    const Outcome outcome = place.run(sweep({"--jobs", "2"}));
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, bad.string()));
    CHECK(contains(outcome.err, "a run failed"));
    CHECK(read_results(place.out() / "results.jsonl").results.size() == 4);
  }

  TEST_CASE("jobs: a process that dies is named and the others go on") {
    const Workplace place({.train = 300, .test = 50});
    Process sweeping(place.command(sweep({"--jobs", "3", "--epochs", "25", "--method", "ce"})), place.path());
    for (const std::string& cell : kCells) REQUIRE(appears(place.out() / cell / "ce" / "checkpoint.safetensors"));
    const std::vector<pid_t> children = children_of(sweeping.pid());
    REQUIRE(children.size() == 3);
    kill(children[1], SIGKILL);
    const Outcome outcome = sweeping.wait();
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, "its process ended with signal 9 before it was done"));
    CHECK(read_results(place.out() / "results.jsonl").results.size() == 2);
    const Outcome resumed = place.run(sweep({"--jobs", "3", "--epochs", "25", "--method", "ce"}));
    CHECK(resumed.code == 0);
    CHECK(contains(resumed.out, "resumed after epoch"));
    CHECK(read_results(place.out() / "results.jsonl").results.size() == 3);
  }

  TEST_CASE("jobs: with the sweep its processes end and a second sweep waits for none of them") {
    const Workplace place({.train = 300, .test = 50});
    const auto flags = sweep({"--jobs", "2", "--epochs", "30", "--method", "ce"});
    const auto peaceful = place.path() / "peaceful";
    REQUIRE(
        Process(place.command_in(peaceful, sweep({"--epochs", "30", "--method", "ce"})), place.path()).wait().code ==
        0);
    for (const int signal : {SIGKILL, SIGTERM, SIGINT}) {
      CAPTURE(signal);
      Process sweeping(place.command(flags), place.path());
      std::vector<pid_t> children;
      for (int wait = 0; wait < 1000 && children.size() < 2; ++wait) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        children = children_of(sweeping.pid());
      }
      REQUIRE(children.size() == 2);
      const TemporaryFolder elsewhere;
      const Outcome second = Process(place.command(flags), elsewhere.path()).wait();
      CHECK(second.code == 1);
      CHECK(contains(second.err, "another process is writing its results here"));
      kill(sweeping.pid(), signal);
      CHECK(sweeping.wait().code == -1);
      for (const pid_t child : children) CHECK(ends(child));
    }
    const Outcome resumed = place.run(flags);
    CAPTURE(resumed.err);
    CHECK(resumed.code == 0);
    CHECK(outcome_in(place.out()) == outcome_in(peaceful));
  }

  TEST_CASE("jobs: fewer than one is bad usage") {
    const Workplace place;
    const Outcome outcome = place.run({"--jobs", "0"});
    CHECK(outcome.code == 2);
    CHECK(contains(outcome.err, "--jobs 0: expected 1 to"));
  }
}
