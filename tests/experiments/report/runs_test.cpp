#include "experiments/report/runs.h"

#include <doctest/doctest.h>

#include "experiments/report/sweep_state.h"
#include "experiments/report/watch.h"
#include "tests/experiments/process.h"
#include "tests/experiments/report/finished_lines.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using cofactor::testing::contains;
using cofactor::testing::full_run;
using cofactor::testing::recorded_line;
using cofactor::testing::TemporaryFolder;
using cofactor::testing::throws_saying;
using cofactor::testing::write_in;

TEST_SUITE("unit") {
  TEST_CASE("runs: what is wrong is told of by file and line and the rest is read") {
    const TemporaryFolder folder;
    const auto file = write_in(folder, "results.jsonl",
                               to_json(full_run("ce", 1, 98.0)) + "\n{\"broken\n\n" + to_json(full_run("ce", 1, 97.0)) +
                                   "\n" + to_json(full_run("ce", 1, 50.0, 1.5)) + "\n" +
                                   recorded_line(full_run("dmi", 1, 96.0)) + "\n{\"experiment\":\"fash");
    const LoadedRuns loaded = load_runs({folder.path()});
    REQUIRE(loaded.runs.size() == 2);
    CHECK(loaded.runs[0].result().test_accuracy == 97.0);  // the later line
    CHECK(loaded.runs[0].source == file.string() + ", line 4");
    CHECK(loaded.runs[1].record.matrices.transition == MatrixRows{{1.0, 0.0}, {0.2, 0.8}});
    std::string problems;
    for (const std::string& problem : loaded.problems) problems += problem + "\n";
    CHECK(loaded.problems.size() == 4);
    CHECK(contains(problems, "results.jsonl, line 2: "));
    CHECK(contains(problems, "line 4: fashion_mnist, clothes-to-bags, rate 0.2, ce, seed 1 is also in"));
    CAPTURE(problems);
    CHECK(contains(problems, "line 5: not a result: the rate is 1.5, expected 0 to 1"));
    CHECK(contains(problems, "line 7: the last line is cut short"));
  }

  TEST_CASE("runs: of a run in two files the later counts and is told of") {
    const TemporaryFolder folder;
    const auto one = write_in(folder, "one.jsonl", to_json(full_run("ce", 1, 98.0)) + "\n");
    const auto two = write_in(folder, "two.jsonl", to_json(full_run("ce", 1, 97.0)) + "\n");
    const LoadedRuns loaded = load_runs({one, two});
    REQUIRE(loaded.runs.size() == 1);
    CHECK(loaded.runs[0].result().test_accuracy == 97.0);
    REQUIRE(loaded.problems.size() == 1);
    CHECK(contains(loaded.problems[0], "one.jsonl, line 1; the later one counts"));
  }

  TEST_CASE("runs: the same run in two places is one and has what either recorded") {
    const TemporaryFolder folder;
    const auto one = write_in(folder, "one.jsonl", to_json(full_run("ce", 1, 98.0)) + "\n");
    const auto two = write_in(folder, "two.jsonl", recorded_line(full_run("ce", 1, 98.0)) + "\n");
    for (const auto& order : {std::vector{one, two}, std::vector{two, one}}) {
      const LoadedRuns loaded = load_runs(order);
      REQUIRE(loaded.runs.size() == 1);
      CHECK(loaded.problems.empty());
      CHECK_FALSE(loaded.runs[0].record.matrices.joint.empty());
    }
  }

  TEST_CASE("runs: a folder without results is told of and a path that is not there is an error") {
    const TemporaryFolder folder;
    const LoadedRuns loaded = load_runs({folder.path()});
    CHECK(loaded.runs.empty());
    REQUIRE(loaded.problems.size() == 1);
    CHECK(contains(loaded.problems[0], "no run has finished here"));
    CHECK(throws_saying("there is no such file or folder", [&] { load_runs({folder / "none"}); }));
  }

  TEST_CASE("runs: how far a folder's sweep has come") {
    const TemporaryFolder folder;
    write_in(folder, "results.jsonl", to_json(full_run("ce", 1, 98.0)) + "\n");
    CHECK(load_runs({folder.path()}).sweeps.empty());
    write_sweep_state(folder.path(), {2, 8, 754.6, "2026-05-01 13:40"});
    const std::string name = folder.path().string();
    CHECK(load_runs({folder.path()}).sweeps ==
          std::vector<std::string>{name + ": 2 of 8 cells done, about 12 min 35 s left (2026-05-01 13:40)"});
    CHECK(to_text({0, 8, -1.0, "now"}) == "0 of 8 cells done (now)");
    CHECK(to_text({8, 8, 0.0, "now"}) == "8 of 8 cells done (now)");
    for (const std::string text : {"{}", "[]", "{\"cells_done\":3,\"cells\":2,\"seconds_left\":1,\"time\":\"\"}"}) {
      write_in(folder, "progress.json", text);
      const LoadedRuns broken = load_runs({folder.path()});
      CHECK(broken.sweeps.empty());
      CHECK(broken.runs.size() == 1);
      REQUIRE(broken.problems.size() == 1);
      CHECK(contains(broken.problems[0], "progress.json: "));
    }
  }

  TEST_CASE("watch: the state changes when a run begins and when one finishes") {
    const TemporaryFolder folder;
    const std::string before = state_of({folder.path()});
    CHECK(state_of({folder.path()}) == before);
    std::filesystem::create_directories(folder / "a-rate0.2-seed1" / "ce");
    write_file_atomically(folder / "a-rate0.2-seed1" / "ce" / "checkpoint.safetensors", "x");
    const std::string begun = state_of({folder.path()});
    CHECK(begun != before);
    CHECK(load_runs({folder.path()}).underway == std::vector<std::string>{"a-rate0.2-seed1/ce"});
    write_in(folder, "results.jsonl", "{}\n");
    CHECK(state_of({folder.path()}) != begun);
  }
}
