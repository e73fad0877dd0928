#include "experiments/report/summary.h"

#include <doctest/doctest.h>

#include <set>

#include "experiments/report/figure.h"
#include "experiments/report/gnuplot.h"
#include "tests/experiments/process.h"
#include "tests/experiments/report/example_runs.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using cofactor::testing::contains;
using cofactor::testing::error_of;
using cofactor::testing::full_run;
using cofactor::testing::Outcome;
using cofactor::testing::Process;
using cofactor::testing::program;
using cofactor::testing::TemporaryFolder;
using cofactor::testing::write_in;

namespace {

Result result(const std::string& noise, double rate, const std::string& method, uint64_t seed, double accuracy) {
  Result made;
  made.experiment = "fashion_mnist";
  made.noise = noise;
  made.rate = rate;
  made.method = method;
  made.seed = seed;
  made.test_accuracy = accuracy;
  made.majority_accuracy = rate < 0.45 ? 90.0 : 10.0;
  made.settings = "{}";
  return made;
}

std::vector<Result> three_seeds() {
  return {result("b", 0.8, "dmi", 1, 98.0), result("b", 0.2, "dmi", 1, 99.0), result("b", 0.8, "dmi", 2, 97.0),
          result("b", 0.8, "dmi", 3, 99.0), result("b", 0.8, "ce", 1, 10.0),  result("a", 0.8, "ce", 1, 50.0)};
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("report: mean and sample deviation over seeds ordered by noise rate and method") {
    const std::vector<Summary> rows = aggregate(three_seeds());
    REQUIRE(rows.size() == 4);
    CHECK(rows[0].rate == 0.2);
    CHECK(rows[0].deviation == 0.0);
    CHECK(rows[1].rate == 0.8);
    CHECK(rows[1].method == "dmi");
    CHECK(rows[1].seeds == 3);
    CHECK(rows[1].mean == doctest::Approx(98.0));
    CHECK(rows[1].deviation == doctest::Approx(1.0));
    CHECK(rows[1].majority == 10.0);
    CHECK(rows[2].method == "ce");
    CHECK(rows[3].noise == "a");
  }

  TEST_CASE("report: the table has a line for each summary") {
    const std::string table = format_table(aggregate(three_seeds()));
    CHECK(contains(table, "98.00 ±  1.00"));
    CHECK(std::ranges::count(table, '\n') == 5);
    CHECK(format_table({}) == "no results");
  }

  TEST_CASE("report: the same run in two files counts once and with other numbers it is told of") {
    const TemporaryFolder folder;
    const auto one = write_in(folder, "one.jsonl", to_json(three_seeds()[0]) + "\n");
    const auto same = write_in(folder, "same.jsonl", to_json(three_seeds()[0]) + "\n");
    Result changed = three_seeds()[0];
    changed.test_accuracy = 50.0;
    const auto other = write_in(folder, "other.jsonl", to_json(changed) + "\n");
    std::vector<std::string> warnings;
    CHECK(read_all_results({one, same}, warnings).size() == 1);
    CHECK(warnings.empty());
    const std::vector<Result> results = read_all_results({one, other}, warnings);
    REQUIRE(results.size() == 1);
    CHECK(results[0].test_accuracy == 50.0);
    REQUIRE(warnings.size() == 1);
    CHECK(contains(warnings[0], "other.jsonl, line 1: fashion_mnist, b, rate 0.8, dmi, seed 1 is also in"));
    CHECK(contains(warnings[0], "one.jsonl, line 1, and the test accuracy is 98 and 50; the later one counts"));
  }

  TEST_CASE("report: a damaged line is told of and the others count") {
    const TemporaryFolder folder;
    const auto path = write_in(folder, "results.jsonl", "{}\n" + to_json(three_seeds()[0]) + "\n");
    std::vector<std::string> warnings;
    CHECK(read_all_results({path}, warnings).size() == 1);
    REQUIRE(warnings.size() == 1);
    CHECK(contains(warnings[0], "results.jsonl, line 1: not a result"));
  }

  TEST_CASE("report: what no seed has is absent in the table") {
    const std::vector<Summary> rows = with_absent(aggregate(three_seeds()));
    REQUIRE(rows.size() == 6);
    CHECK(rows[1].method == "ce");
    CHECK(rows[1].rate == 0.2);
    CHECK(rows[1].seeds == 0);
    const std::string table = format_table(rows);
    CHECK(contains(table, "ce          0     absent"));
    CHECK(contains(table, "98.00 ±  1.00"));
  }

  TEST_CASE("figure: the script holds each method's points h0 in steps and names only as inert strings") {
    std::vector<Result> results = three_seeds();
    for (Result& one : results) {
      if (one.noise == "a") one.noise = "it's `touch x`\nsystem('touch y')";
    }
    const std::string script = figure_script(aggregate(results));
    CHECK(contains(script, "0.8 98.0000 1.0000\n"));
    CHECK(contains(script, "-0.0300 90.0000\n0.5000 90.0000\n0.5000 10.0000\n1.0300 10.0000\n"));
    CHECK(contains(script, "set title 'it''s `touch x`system(''touch y'')' noenhanced\n"));
    CHECK(gnuplot_string("'; system('x')") == "'’; system(''x'')'");
  }
}

TEST_SUITE("unit") {
  TEST_CASE("report: beside runs of the full protocol the others are left out and alone they are marked") {
    Result partial = full_run("dmi", 2, 50.0);
    partial.epochs = 3;
    Result own = full_run("dmi", 2, 60.0);
    own.experiment = "train";
    own.epochs = 3;
    std::vector<Result> results = {full_run("ce", 1, 99.0), partial, own};
    CHECK(drop_partial(results) ==
          std::vector<std::string>{
              "fashion_mnist, clothes-to-bags, rate 0.2, dmi, seed 2: the result has 3 of 20 epochs; left out"});
    REQUIRE(results.size() == 2);
    CHECK(aggregate(results)[0].is_full);
    CHECK(aggregate(results)[1].is_full);  // the paper has no such experiment
    CHECK_FALSE(contains(figure_script({aggregate(results)[0]}), "in the paper"));

    results = {partial};
    CHECK(drop_partial(results).empty());
    REQUIRE(results.size() == 1);
    CHECK_FALSE(aggregate(results)[0].is_full);
    CHECK(contains(figure_script(aggregate(results)), "clothes-to-bags (fewer epochs or data than in the paper)"));
  }

  TEST_CASE("figure: ten methods have ten looks") {
    std::vector<Result> results;
    for (int method = 0; method < 10; ++method)
      results.push_back(result("a", 0.5, fmt::format("m{}", method), 1, 90.0));
    const std::string script = figure_script(aggregate(results));
    std::set<std::string> looks;
    for (size_t at = 0; (at = script.find("with yerrorlines", at)) != std::string::npos; ++at) {
      looks.insert(script.substr(at, script.find(" rgb '#", at) + std::string(" rgb '#000000'").size() - at));
    }
    CHECK(looks.size() == 10);
  }
}

TEST_SUITE("experiment") {
  TEST_CASE("report: draws SVG and PNG beside the results and prints the table") {
    const TemporaryFolder folder;
    std::string lines;
    for (const Result& one : three_seeds()) lines += to_json(one) + "\n";
    write_in(folder, "results.jsonl", lines + "{\"cut");
    const Outcome outcome = Process({program("report"), folder.path().string()}, folder.path()).wait();
    CHECK(outcome.code == 0);
    CHECK(contains(outcome.out, "98.00 ±  1.00"));
    CHECK(contains(outcome.err, "cut short"));
    CHECK(contains(read_file(folder.path() / "fashion_mnist_accuracy.svg"), "</svg>"));
    const std::string png = read_file(folder.path() / "fashion_mnist_accuracy.png");
    CHECK(png.starts_with("\x89PNG"));
    CHECK(png.size() > 10000);  // a drawing, not an empty canvas
  }

  TEST_CASE("report: of a run done anew the newest line counts and results of different data are told of") {
    const TemporaryFolder folder;
    const auto settings = [](const std::string& content) {
      return fmt::format(R"({{"data":{{"train":{{"content":"{}"}}}}}})", content);
    };
    Result first = three_seeds()[0], second = three_seeds()[1], anew = first;
    first.settings = second.settings = settings("a");
    anew.settings = settings("b");
    anew.test_accuracy = 50.0;
    std::vector<std::string> warnings;
    const auto path = write_in(folder, "results.jsonl", to_json(first) + "\n" + to_json(second) + "\n");
    CHECK(read_all_results({path}, warnings).size() == 2);
    CHECK(warnings.empty());
    append_result(path, anew);
    const std::vector<Result> results = read_all_results({path}, warnings);
    REQUIRE(results.size() == 2);
    CHECK(results[0].test_accuracy == 50.0);
    REQUIRE(warnings.size() == 2);
    CHECK(contains(warnings[0], "results.jsonl, line 3"));
    CHECK(contains(warnings[0], "the later line counts"));
    CHECK(contains(warnings[1], "the results are of different data or test sets"));
    second.settings = anew.settings;
    append_result(path, second);
    warnings.clear();
    CHECK(read_all_results({path}, warnings).size() == 2);
    CHECK(warnings.size() == 2);  // two lines that others replace
  }

  TEST_CASE("report: without gnuplot the table stays the reason is given and no file is left") {
    const TemporaryFolder folder;
    write_in(folder, "results.jsonl", to_json(three_seeds()[0]) + "\n");
    const Outcome outcome =
        Process({"/usr/bin/env", "PATH=/nowhere", program("report"), folder.path().string()}, folder.path()).wait();
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.out, "98.00"));
    CHECK(contains(outcome.err, "report: figure: gnuplot is not installed"));
    CHECK(!std::filesystem::exists(folder.path() / "fashion_mnist_accuracy.png"));
  }

  TEST_CASE("report: a failing gnuplot's own text is passed on") {
    const TemporaryFolder folder;
    write_in(folder, "results.jsonl", to_json(three_seeds()[0]) + "\n");
    std::filesystem::permissions(write_in(folder, "gnuplot", "#!/bin/sh\necho no plot today; exit 3\n"),
                                 std::filesystem::perms::owner_all);
    const Outcome outcome = Process({"/usr/bin/env", "PATH=" + folder.path().string() + ":/bin:/usr/bin",
                                     program("report"), folder.path().string()},
                                    folder.path())
                                .wait();
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, "no plot today"));
  }

  TEST_CASE("report: bad usage and missing results") {
    const TemporaryFolder folder;
    CHECK(Process({program("report"), "--no-such-flag"}, folder.path()).wait().code == 2);
    const Outcome missing = Process({program("report"), (folder.path() / "none").string()}, folder.path()).wait();
    CHECK(missing.code == 1);
    CHECK(contains(missing.err, "none"));
    CHECK(Process({program("report"), "--help"}, folder.path()).wait().code == 0);
  }
}
