#include "experiments/report/results.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/experiments/process.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using cofactor::testing::contains;
using cofactor::testing::error_of;
using cofactor::testing::TemporaryFolder;
using cofactor::testing::write_in;

namespace {

Result example_result(uint64_t seed = 1) {
  Result result;
  result.experiment = "fashion_mnist";
  result.noise = "clothes-to-bags";
  result.rate = 0.8;
  result.method = "dmi";
  result.seed = seed;
  result.test_accuracy = 98.37;
  result.best_permutation_accuracy = 98.5;
  result.majority_accuracy = 10.0;
  result.valid_loss = 2.0 / 3.0;
  result.valid_accuracy = 71.25;
  result.epochs = 20;
  result.best_epoch = 13;
  result.skipped_batches = 4;
  result.batches = 7820;
  result.seconds = 12.5;
  result.device = "cpu";
  result.precision = "f32";
  result.threads = 2;
  result.version = "0.1.0";
  result.settings = R"({"a":1,"b":{"c":[1,2]}})";
  return result;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("results: a line holds a result exactly") {
    const Result result = example_result(), back = parse_result(to_json(result));
    CHECK(back.key() == result.key());
    CHECK(back.test_accuracy == result.test_accuracy);
    CHECK(back.valid_loss == result.valid_loss);
    CHECK(back.settings == result.settings);
    CHECK(to_json(back) == to_json(result));
    CHECK(!contains(to_json(result), "\n"));
  }

  TEST_CASE("results: a search is part of the line and lines without one are read as before") {
    Result result = example_result();
    const std::string without = to_json(result);
    CHECK(!contains(without, "search"));
    CHECK(parse_result(without).search.empty());
    result.search = {{1e-4, 128, 0.5, true}, {1e-5, 256, INFINITY, false}};
    CHECK(parse_result(to_json(result)).search == result.search);
    CHECK(contains(to_json(result), R"("search":[{"lr":0.0001,"batch_size":128,"valid_loss":0.5,"chosen":true},)"));
  }

  TEST_CASE("results: an infinite validation loss survives though JSON has no infinity") {
    Result result = example_result();
    result.valid_loss = INFINITY;
    CHECK(contains(to_json(result), "\"valid_loss\":null"));
    CHECK(std::isinf(parse_result(to_json(result)).valid_loss));
  }

  TEST_CASE("results: lines are added and read in order") {
    const TemporaryFolder folder;
    const auto path = folder.path() / "results.jsonl";
    for (const uint64_t seed : {1, 2, 3}) append_result(path, example_result(seed));
    const ResultsFile file = read_results(path);
    REQUIRE(file.results.size() == 3);
    CHECK(file.results[2].seed == 3);
    CHECK(file.cut_short.empty());
    CHECK(read_file(path).ends_with("}\n"));
  }

  TEST_CASE("results: a last line cut short is left out said and gone after the next one is added") {
    const TemporaryFolder folder;
    const std::string whole = to_json(example_result(1)) + "\n", cut = to_json(example_result(2)).substr(0, 50);
    const auto path = write_in(folder, "results.jsonl", whole + cut);
    const ResultsFile file = read_results(path);
    CHECK(file.results.size() == 1);
    CHECK(contains(file.cut_short, "results.jsonl, line 2"));
    append_result(path, example_result(3));
    CHECK(read_file(path) == whole + to_json(example_result(3)) + "\n");
  }

  TEST_CASE("results: a last line without its newline but whole counts") {
    const TemporaryFolder folder;
    const auto path = write_in(folder, "results.jsonl", to_json(example_result(1)));
    CHECK(read_results(path).results.size() == 1);
    append_result(path, example_result(2));
    CHECK(read_results(path).results.size() == 2);
  }

  TEST_CASE("results: other damage is an error with the line") {
    const TemporaryFolder folder;
    const std::string whole = to_json(example_result(1)) + "\n";
    const auto read = [&](const std::string& text) {
      return error_of([&] { read_results(write_in(folder, "results.jsonl", text)); });
    };
    CHECK(contains(read("{\n" + whole), "results.jsonl, line 1"));
    CHECK(contains(read(whole + "{\"experiment\":\"x\"}\n"), "line 2"));
    CHECK(contains(error_of([&] { read_results(folder.path() / "none.jsonl"); }), "none.jsonl"));
  }

  TEST_CASE("results: of several lines of one run the last counts") {
    const TemporaryFolder folder;
    Result later = example_result(1);
    later.test_accuracy = 50.0;
    const std::string lines =
        to_json(example_result(1)) + "\n" + to_json(example_result(2)) + "\n" + to_json(later) + "\n";
    const ResultsFile file = read_results(write_in(folder, "results.jsonl", lines));
    CHECK(file.results.size() == 3);
    const std::vector<Result> newest = newest_of(file.results);
    REQUIRE(newest.size() == 2);
    CHECK(newest[0].seed == 1);
    CHECK(newest[0].test_accuracy == 50.0);
    CHECK(newest[1].seed == 2);
  }

  TEST_CASE("results: fields of another type or beyond it are errors with line and field") {
    const TemporaryFolder folder;
    const std::string whole = to_json(example_result(1));
    const auto read = [&](const std::string& from, const std::string& to) {
      std::string line = whole;
      const size_t at = line.find(from);
      REQUIRE(at != std::string::npos);
      return error_of(
          [&] { read_results(write_in(folder, "results.jsonl", line.replace(at, from.size(), to) + "\n")); });
    };
    const std::string begin = (folder.path() / "results.jsonl").string() + ", line 1: not a result: ";
    CHECK(read("\"seed\":1", "\"seed\":-1") ==
          begin + "the field 'seed' is -1, expected a number in [0, 18446744073709551615]");
    CHECK(read("\"seed\":1", "\"seed\":1.5") == begin + "the field 'seed' is 1.5, expected a whole number");
    CHECK(read("\"epochs\":20", "\"epochs\":4294967316") ==
          begin + "the field 'epochs' is 4294967316, expected a number in [-2147483648, 2147483647]");
    CHECK(read("\"threads\":2", "\"threads\":\"2\"") ==
          begin + "the field 'threads' is \"2\", expected a whole number");
    CHECK(read("\"rate\":0.8", "\"rate\":null") == begin + "the field 'rate' is null, expected a number");
    CHECK(read("\"method\":\"dmi\",", "") == begin + "there is no field 'method'");
    CHECK(read("\"settings\":{", "\"search\":{},\"settings\":{") ==
          begin + "the field 'search' is {}, expected a list");
    CHECK(read(R"("settings":{"a":1,"b":{"c":[1,2]}})", R"("settings":[1])") ==
          begin + "the field 'settings' is a JSON array, expected an object");
    CHECK(read("\"settings\":{", "\"settings\":" + std::string(117'000, '[') + "{").starts_with(begin));
  }

  TEST_CASE("results: a folder has one writer at a time") {
    const TemporaryFolder folder;
    {
      const DirectoryLock lock(folder.path());
      CHECK(contains(error_of([&] { DirectoryLock second(folder.path()); }), "another process"));
    }
    CHECK(error_of([&] { DirectoryLock third(folder.path()); }).empty());
    CHECK(!error_of([&] { DirectoryLock unwritable(write_in(folder, "file", "")); }).empty());
  }
}
