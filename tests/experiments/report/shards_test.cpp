#include "experiments/report/shards.h"

#include <doctest/doctest.h>

#include "engine/io/file.h"
#include "experiments/report/collect.h"
#include "experiments/report/runs.h"
#include "experiments/report/summary.h"
#include "experiments/report/sweep_state.h"
#include "experiments/report/watch.h"
#include "tests/experiments/report/example_runs.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

namespace fs = std::filesystem;

// Writes a folder with these runs, whose file is as many seconds old.
void write_shard(const fs::path& folder, const std::vector<Result>& runs, int seconds_old) {
  fs::create_directories(folder);
  for (const Result& run : runs) append_result(folder / "results.jsonl", run);
  fs::last_write_time(folder / "results.jsonl", fs::file_time_type::clock::now() - std::chrono::seconds(seconds_old));
}

std::vector<double> accuracies(const std::vector<Result>& results) {
  std::vector<double> all;
  for (const Result& result : results) all.push_back(result.test_accuracy);
  return all;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("shards: a folder stands for itself and the shards below it by the age of their results") {
    const TemporaryFolder place;
    const fs::path sweep = place / "sweep";
    for (const std::string name : {"shard2of3", "shard1of3", "shard10of12", "shard2of12", "shard0of3", "shard4of3",
                                   "shard01of3", "shard1of3x", "shards", "shard", "flip-rate0.2-seed1"}) {
      fs::create_directories(sweep / name);
    }
    write_file_atomically(sweep / "shard3of3", "a file");
    CHECK(shard_folders(sweep) ==
          std::vector<fs::path>{sweep / "shard1of3", sweep / "shard2of3", sweep / "shard2of12", sweep / "shard10of12"});
    CHECK(shard_folders(place / "none").empty());
    CHECK(with_shards({sweep}) == shard_folders(sweep));  // it has no results of its own
    CHECK(with_shards({place / "none", sweep / "shard3of3"}) ==
          std::vector<fs::path>{place / "none", sweep / "shard3of3"});
  }

  TEST_CASE("shards: the runs of a folder are those of its shards too and the one written last counts") {
    const TemporaryFolder place;
    const fs::path& sweep = place.path();
    write_shard(sweep / "shard1of2", {full_run("ce", 1, 91.0), full_run("dmi", 1, 92.0)}, 10);
    write_shard(sweep / "shard2of2", {full_run("ce", 2, 93.0)}, 20);
    std::vector<std::string> warnings;
    CHECK(accuracies(read_all_results({sweep}, warnings)) == std::vector<double>{93.0, 91.0, 92.0});
    CHECK(warnings.empty());

    // The same run again, equal and then different; once older than the other, once newer.
    write_shard(sweep / "shard1of4", {full_run("ce", 2, 93.0)}, 5);
    CHECK(accuracies(read_all_results({sweep}, warnings)) == std::vector<double>{93.0, 91.0, 92.0});
    CHECK(warnings.empty());
    for (const bool is_newer : {false, true}) {
      CAPTURE(is_newer);
      fs::remove_all(sweep / "shard1of4");
      write_shard(sweep / "shard1of4", {full_run("ce", 2, 50.0)}, is_newer ? 5 : 30);
      warnings.clear();
      const std::vector<Result> results = read_all_results({sweep}, warnings);
      REQUIRE(results.size() == 3);
      CHECK(results[0].test_accuracy == (is_newer ? 50.0 : 93.0));
      REQUIRE(warnings.size() == 1);
      CHECK(contains(warnings[0], fmt::format("shard{}/results.jsonl, line 1: ", is_newer ? "1of4" : "2of2")));
      CHECK(contains(warnings[0],
                     fmt::format("is also in {}", (sweep / (is_newer ? "shard2of2" : "shard1of4")).string())));
      CHECK(contains(warnings[0], "; the later one counts"));
      const LoadedRuns loaded = load_runs({sweep});  // the page counts as the table does
      REQUIRE(loaded.runs.size() == 3);
      CHECK(loaded.runs[0].result().test_accuracy == (is_newer ? 50.0 : 93.0));
      CHECK(loaded.problems.size() == 1);
    }
  }

  TEST_CASE("shards: what a folder itself has finished counts beside its shards") {
    const TemporaryFolder place;
    write_shard(place / "shard1of2", {full_run("ce", 1, 91.0)}, 10);
    write_shard(place.path(), {full_run("ce", 2, 92.0)}, 20);
    CHECK(with_shards({place.path()}) == std::vector<fs::path>{place.path(), place / "shard1of2"});
    const Collected collected = collect(place / "kept.jsonl", {place.path()});
    CHECK(collected.added == 2);
    CHECK(collected.problems.empty());
  }

  TEST_CASE("shards: the page tells how far each has come and notices each that changes") {
    const TemporaryFolder place;
    write_shard(place / "shard1of2", {full_run("ce", 1, 91.0)}, 10);
    write_sweep_state(place / "shard1of2", {1, 4, -1.0, "2026-05-01 13:40"});
    const std::string before = state_of({place.path()});
    write_shard(place / "shard2of2", {full_run("ce", 2, 92.0)}, 5);
    write_sweep_state(place / "shard2of2", {4, 4, 0.0, "2026-05-01 13:50"});
    CHECK(state_of({place.path()}) != before);
    fs::create_directories(place / "shard2of2/clothes-to-bags-rate0.2-seed2/dmi");
    write_file_atomically(place / "shard2of2/clothes-to-bags-rate0.2-seed2/dmi/checkpoint.safetensors", "");
    const LoadedRuns loaded = load_runs({place.path()});
    CHECK(loaded.runs.size() == 2);
    CHECK(loaded.sweeps ==
          std::vector<std::string>{(place / "shard1of2").string() + ": 1 of 4 cells done (2026-05-01 13:40)",
                                   (place / "shard2of2").string() + ": 4 of 4 cells done (2026-05-01 13:50)"});
    CHECK(loaded.underway == std::vector<std::string>{"clothes-to-bags-rate0.2-seed2/dmi"});
  }
}
