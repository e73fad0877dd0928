#include "experiments/report/collect.h"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "tests/experiments/process.h"
#include "tests/experiments/report/example_runs.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

std::vector<EpochMetrics> metrics_of(const Result& result) {
  std::vector<EpochMetrics> history(static_cast<size_t>(result.epochs));
  for (size_t i = 0; i < history.size(); ++i) history[i].epoch = static_cast<int>(i);
  return history;
}

const RunMatrices kMatrices = {
    .joint = {{0.5, 0.25}, {0.125, 0.125}}, .transition = {{1.0, 0.0}, {0.25, 0.75}}, .counts = {{90, 10}, {1, 4}}};

// A folder with two finished runs, of which the first has its metrics and matrices.
std::filesystem::path write_runs(const TemporaryFolder& folder) {
  const auto runs = folder.path() / "runs";
  const Result first = full_run("ce", 1, 99.0);
  std::filesystem::create_directories(runs / first.folder());
  write_metrics(runs / first.folder() / "metrics.jsonl", metrics_of(first));
  write_matrices(runs / first.folder(), kMatrices);
  append_result(runs / "results.jsonl", first);
  append_result(runs / "results.jsonl", full_run("dmi", 1, 98.0));
  return runs;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("collect: a line holds a result with its metrics and matrices and is a result too") {
    Result result = full_run("dmi", 1, 98.0);
    result.processor = "a processor";
    const RunRecord record{result, metrics_of(result), kMatrices};
    const RunRecord back = parse_run_record(to_json(record));
    CHECK(back.history == record.history);
    CHECK(back.matrices == record.matrices);
    CHECK(back.result.processor == "a processor");
    CHECK(to_json(back) == to_json(record));
    CHECK(to_json(parse_result(to_json(record))) == to_json(result));
  }

  TEST_CASE("collect: balanced accuracy weighs classes alike") {
    CHECK(balanced_accuracy(kMatrices.counts) == doctest::Approx(100.0 * (0.9 + 0.8) / 2.0));
    CHECK(std::isnan(balanced_accuracy({{0, 0}, {1, 3}})));
    CHECK(std::isnan(balanced_accuracy({})));
  }

  TEST_CASE("collect: gathers folders into a file and the same once more changes nothing") {
    const TemporaryFolder folder;
    const auto runs = write_runs(folder), file = folder.path() / "kept" / "fashion_mnist.jsonl";
    const Collected first = collect(file, {runs});
    CHECK(first.added == 2);
    CHECK(first.problems.empty());
    const std::string text = read_file(file);
    const RecordsFile records = read_records(file);
    REQUIRE(records.lines.size() == 2);
    CHECK(records.lines[0].record->history.size() == 20);
    CHECK(records.lines[0].record->matrices == kMatrices);
    CHECK(records.lines[1].record->history.empty());
    const Collected again = collect(file, {runs, file});
    CHECK(again.added + again.completed + again.conflicts == 0);
    CHECK(read_file(file) == text);
  }

  TEST_CASE("collect: a run that the file has gets what it lacks") {
    const TemporaryFolder folder;
    const auto runs = write_runs(folder);
    const auto file = write_in(folder, "kept.jsonl", to_json(full_run("ce", 1, 99.0)) + "\n");
    const Collected merged = collect(file, {runs});
    CHECK(merged.completed == 1);
    CHECK(merged.added == 1);
    CHECK(read_records(file).lines[0].record->matrices == kMatrices);
  }

  TEST_CASE("collect: the processor of a run that another version only tested again is not taken over") {
    const TemporaryFolder folder;
    Result tested = full_run("ce", 1, 99.0);
    tested.version = "later";
    tested.processor = "another";
    const auto file = write_in(folder, "kept.jsonl", to_json(full_run("ce", 1, 99.0)) + "\n");
    const auto more = write_in(folder, "more.jsonl", to_json(tested) + "\n");
    CHECK(collect(file, {more}).completed == 0);
    CHECK(read_records(file).lines[0].record->result.processor.empty());
  }

  TEST_CASE("collect: another outcome or other settings are a conflict and the file keeps its own") {
    const TemporaryFolder folder;
    const auto runs = write_runs(folder);
    Result other = full_run("dmi", 1, 98.0);
    other.settings = "{}";
    const std::string text = to_json(full_run("ce", 1, 55.0)) + "\n" + to_json(other) + "\n";
    const auto file = write_in(folder, "kept.jsonl", text);
    const Collected merged = collect(file, {runs});
    CHECK(merged.conflicts == 2);
    REQUIRE(merged.problems.size() == 2);
    CHECK(contains(merged.problems[0], "results.jsonl, line 1: fashion_mnist, clothes-to-bags, rate 0.2, ce, seed 1"));
    CHECK(contains(merged.problems[0], "kept.jsonl, line 1, and the test accuracy is 55 and 99"));
    CHECK(contains(merged.problems[1], "their settings differ"));
    CHECK(read_file(file) == text);
  }

  TEST_CASE("collect: damaged lines stay and are told of and the others are used") {
    const TemporaryFolder folder;
    const auto runs = write_runs(folder);
    const std::string whole = to_json(full_run("ce", 1, 99.0));
    const auto file = write_in(folder, "kept.jsonl", "{\n\n" + whole + "\n" + whole + "\n" + whole.substr(0, 40));
    const Collected merged = collect(file, {runs});
    CHECK(merged.runs == 2);
    REQUIRE(merged.problems.size() == 3);
    CHECK(contains(merged.problems[0], "kept.jsonl, line 1: not a result"));
    CHECK(contains(merged.problems[1], "kept.jsonl, line 5: the last line is cut short"));
    CHECK(contains(merged.problems[2], "kept.jsonl, line 4"));
    CHECK(contains(merged.problems[2], "is also in"));
    CHECK(contains(read_file(file), whole.substr(0, 40) + "\n"));
  }

  TEST_CASE("collect: a folder where no run has finished is told of and the others are used") {
    const TemporaryFolder folder;
    const auto runs = write_runs(folder), empty = folder.path() / "empty", file = folder.path() / "kept.jsonl";
    std::filesystem::create_directory(empty);
    const Collected merged = collect(file, {empty, runs});
    CHECK(merged.added == 2);
    REQUIRE(merged.problems.size() == 1);
    CHECK(contains(merged.problems[0], "results.jsonl: no run has finished here"));
    CHECK(contains(error_of([&] { collect(file, {folder.path() / "none"}); }), "none"));
  }

  TEST_CASE("collect: into a folder there is a file for each experiment of the paper") {
    const TemporaryFolder folder;
    Result review = full_run("ce", 1, 70.0), other = review;
    review.experiment = "movie_reviews";
    other.experiment = "../train";
    const auto source = write_in(folder, "mixed.jsonl",
                                 to_json(full_run("ce", 1, 99.0)) + "\n" + to_json(review) + "\n" + to_json(other) +
                                     "\n" + to_json(full_run("dmi", 1, 98.0)) + "\n");
    const auto kept = folder.path() / "kept";
    std::filesystem::create_directory(kept);
    const Collected first = collect_by_experiment(kept, {source});
    CHECK(first.added == 3);
    CHECK(first.runs == 3);
    REQUIRE(first.problems.size() == 1);
    CHECK(contains(first.problems[0], "mixed.jsonl, line 3: ../train is not an experiment of the paper"));
    CHECK(read_records(kept / "fashion_mnist.jsonl").lines.size() == 2);
    CHECK(read_records(kept / "movie_reviews.jsonl").lines.size() == 1);
    CHECK(collect_by_experiment(kept, {source}).added == 0);
    const Outcome report =
        Process({program("report"), source.string(), "--collect", kept.string()}, folder.path()).wait();
    CHECK(report.code == 0);
    CHECK(contains(report.out, "3 runs; 0 added"));
  }

  TEST_CASE("collect: metrics of a run that has been started again do not count") {
    const TemporaryFolder folder;
    const auto runs = write_runs(folder);
    auto history = metrics_of(full_run("ce", 1, 99.0));
    history.pop_back();
    write_metrics(runs / full_run("ce", 1, 99.0).folder() / "metrics.jsonl", history);
    const RecordsFile records = read_runs(runs);
    CHECK(records.lines[0].record->history.empty());
    REQUIRE(records.problems.size() == 1);
    CHECK(contains(records.problems[0], "these are not the metrics of the finished run"));
  }

  TEST_CASE("collect: numbers outside their range and matrices that are none are errors of the line") {
    const std::string line = to_json(full_run("ce", 1, 101.0));
    CHECK(contains(error_of([&] { parse_run_record(line); }), "the test accuracy is 101, expected 0 to 100"));
    std::string square = to_json(RunRecord{full_run("ce", 1, 99.0), {}, kMatrices});
    square.replace(square.find("[0.125,0.125]"), 13, "[0.125]");
    CHECK(contains(error_of([&] { parse_run_record(square); }), "'joint_matrix' is not a square matrix"));
    Result outside = full_run("ce", 1, 99.0);
    outside.noise = "../elsewhere";
    CHECK(outside.folder().empty());
  }
}

TEST_SUITE("experiment") {
  TEST_CASE("collect: report gathers what fashion_mnist leaves and a sweep takes it as known") {
    const Workplace place;
    const Outcome sweep = place.run();
    REQUIRE(sweep.code == 0);
    CHECK(contains(sweep.out, "\n1 of 1 cells done\n"));
    const auto kept = place.path() / "kept.jsonl";
    const Outcome report =
        Process({program("report"), place.out().string(), "--collect", kept.string()}, place.path()).wait();
    CHECK(report.code == 0);
    const RecordsFile records = read_records(kept);
    REQUIRE(records.lines.size() == 2);
    for (const RecordLine& line : records.lines) {
      CHECK(line.record->history.size() == 2);
      std::ostringstream system;
      system << std::ifstream("/proc/cpuinfo").rdbuf();
      CHECK(contains(system.str(), line.record->result.processor));
      CHECK(line.record->result.processor.empty() == !contains(system.str(), "\nmodel name"));
      CHECK(line.record->matrices.transition == MatrixRows{{1.0, 0.0}, {0.2, 0.8}});
      const MatrixRows& counts = line.record->matrices.counts;
      REQUIRE(counts.size() == 2);
      CHECK(100.0 * (counts[0][0] + counts[1][1]) / (counts[0][0] + counts[0][1] + counts[1][0] + counts[1][1]) ==
            doctest::Approx(line.record->result.test_accuracy));
      double sum = 0.0;
      for (const auto& row : line.record->matrices.joint) sum += row[0] + row[1];
      CHECK(sum == doctest::Approx(1.0));
    }

    const auto elsewhere = place.path() / "elsewhere";
    const auto run = [&](const std::vector<std::string>& flags) {
      std::vector<std::string> all = {"--known", kept.string()};
      all.insert(all.end(), flags.begin(), flags.end());
      return Process(place.command_in(elsewhere, all), place.path()).wait();
    };
    const Outcome known = run({});
    CHECK(known.code == 0);
    CHECK(contains(known.out, "2 of 2 runs are known from " + kept.string()));
    CHECK(!std::filesystem::exists(elsewhere / "results.jsonl"));
    CHECK(contains(known.out, "fashion_mnist  clothes-to-bags    0.2  dmi"));

    // ce is known without its weights: it is trained again for the others to start from, and not tested.
    const Outcome more = run({"--method", "ce,dmi,gce"});
    CHECK(more.code == 0);
    CHECK(contains(more.out, "2 of 3 runs are known from"));
    const ResultsFile results = read_results(elsewhere / "results.jsonl");
    REQUIRE(results.results.size() == 1);
    CHECK(results.results[0].method == "gce");

    const Outcome other = run({"--lr", "0.5"});
    CHECK(other.code == 1);
    CHECK(contains(other.err, "kept.jsonl, line 2: the result of fashion_mnist, clothes-to-bags, rate 0.2, dmi"));
    CHECK(contains(other.err, "or leave out --known"));
    CHECK(run({"--known", (place.path() / "none").string()}).code == 1);
  }
}
