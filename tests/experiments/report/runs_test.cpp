#include "experiments/report/runs.h"

#include <doctest/doctest.h>

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
    Result beyond = full_run(1.5, "ce", 1, 50.0);
    const auto file = write_in(folder, "results.jsonl",
                               to_json(full_run(0.2, "ce", 1, 98.0)) + "\n{\"broken\n\n" +
                                   to_json(full_run(0.2, "ce", 1, 97.0)) + "\n" + to_json(beyond) + "\n" +
                                   to_json(full_run(0.4, "ce", 1, 96.0)) + "\n{\"experiment\":\"fash");
    const LoadedRuns loaded = load_runs({folder.path()});
    REQUIRE(loaded.runs.size() == 2);
    CHECK(loaded.runs[0].result.test_accuracy == 97.0);  // the later line
    CHECK(loaded.runs[0].source == file.string() + ", line 4");
    REQUIRE(loaded.problems.size() == 4);
    CHECK(contains(loaded.problems[0], "results.jsonl, line 2: left out"));
    CHECK(contains(loaded.problems[1], "results.jsonl, line 4: fashion_mnist"));
    CHECK(contains(loaded.problems[1], "line 1; the later one counts"));
    CHECK(contains(loaded.problems[2], "line 5: left out: the rate is 1.5"));
    CHECK(contains(loaded.problems[3], "line 7: left out"));
  }

  TEST_CASE("runs: metrics U and T come from the line or from the run's folder") {
    const TemporaryFolder folder;
    write_in(folder, "results.jsonl",
             recorded_line(full_run(0.2, "dmi", 1, 98.0)) + "\n" + to_json(full_run(0.2, "ce", 1, 98.0)) + "\n");
    const auto own = folder / "clothes-to-bags-rate0.2-seed1" / "ce";
    std::filesystem::create_directories(own);
    write_metrics(own / "metrics.jsonl", {{.epoch = 0, .valid_accuracy = 75.0}});
    write_file_atomically(own / "joint_matrix.csv", "predicted \\ given,\"a,b\",c\n\"a,b\",0.25,0.125\nc,0.5,0.125\n");
    const LoadedRuns loaded = load_runs({folder.path()});
    CHECK(loaded.problems.empty());
    REQUIRE(loaded.runs.size() == 2);
    CHECK(loaded.runs[0].transition == MatrixRows{{1.0, 0.0}, {0.2, 0.8}});
    REQUIRE(loaded.runs[0].history.size() == 2);
    CHECK(loaded.runs[0].history[1].valid_accuracy == 80.5);
    REQUIRE(loaded.runs[1].history.size() == 1);
    CHECK(loaded.runs[1].history[0].valid_accuracy == 75.0);
    CHECK(loaded.runs[1].joint == MatrixRows{{0.25, 0.125}, {0.5, 0.125}});
    CHECK(loaded.runs[1].transition.empty());
  }

  TEST_CASE("runs: damaged records are told of and the run stays") {
    const TemporaryFolder folder;
    write_in(folder, "results.jsonl", to_json(full_run(0.2, "ce", 1, 98.0)) + "\n");
    const auto own = folder / "clothes-to-bags-rate0.2-seed1" / "ce";
    std::filesystem::create_directories(own);
    write_file_atomically(own / "metrics.jsonl", "{\"epoch\":7}\n");
    write_file_atomically(own / "joint_matrix.csv", "x,a,b\na,0.5,oops\nb,1\n");
    const LoadedRuns loaded = load_runs({folder.path()});
    REQUIRE(loaded.runs.size() == 1);
    CHECK(loaded.runs[0].history.empty());
    CHECK(loaded.runs[0].joint.empty());
    REQUIRE(loaded.problems.size() == 2);
    CHECK(contains(loaded.problems[0], "metrics.jsonl"));
    CHECK(contains(loaded.problems[1], "'oops' is not a number"));
  }

  TEST_CASE("runs: a name that leads out of the folder reads no file there") {
    const TemporaryFolder folder;
    Result outside = full_run(0.2, "ce", 1, 98.0);
    outside.method = "../../secret";
    std::filesystem::create_directories(folder / "runs");
    std::filesystem::create_directories(folder / "secret");
    write_metrics(folder / "secret" / "metrics.jsonl", {{.epoch = 0}});
    write_file_atomically(folder / "runs" / "results.jsonl", to_json(outside) + "\n");
    const LoadedRuns loaded = load_runs({folder / "runs"});
    REQUIRE(loaded.runs.size() == 1);
    CHECK(loaded.runs[0].history.empty());
  }

  TEST_CASE("runs: a folder without results is told of and a path that is not there is an error") {
    const TemporaryFolder folder;
    const LoadedRuns loaded = load_runs({folder.path()});
    CHECK(loaded.runs.empty());
    REQUIRE(loaded.problems.size() == 1);
    CHECK(contains(loaded.problems[0], "no run has finished here"));
    CHECK(throws_saying("there is no such file or folder", [&] { load_runs({folder / "none"}); }));
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
