#include "experiments/report/page.h"

#include <doctest/doctest.h>
#include <signal.h>

#include <regex>

#include "experiments/report/panels.h"
#include "tests/experiments/process.h"
#include "tests/experiments/report/finished_lines.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using cofactor::testing::appears;
using cofactor::testing::contains;
using cofactor::testing::files_below;
using cofactor::testing::full_run;
using cofactor::testing::Outcome;
using cofactor::testing::Process;
using cofactor::testing::program;
using cofactor::testing::recorded_line;
using cofactor::testing::TemporaryFolder;
using cofactor::testing::write_in;

namespace {

LoadedRuns with_runs(const std::vector<Result>& results) {
  LoadedRuns loaded;
  for (const Result& result : results) loaded.runs.push_back({{result}, "results.jsonl, line 1"});
  return loaded;
}

std::vector<Result> two_rates() {
  return {full_run("dmi", 1, 98.0, 0.1), full_run("dmi", 2, 99.0, 0.1), full_run("dmi", 1, 97.0, 0.3),
          full_run("ce", 1, 96.5, 0.1)};
}

const PanelResults& third_case(const PaperResults& results) {
  return results.panels.at(2);
}

const Series* series_of(const Plot& plot, const std::string& label) {
  for (const Series& series : plot.series) {
    if (series.label == label) return &series;
  }
  return nullptr;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("page: a panel has its runs with n and absent cells and tells what is missing") {
    const LoadedRuns loaded = with_runs(two_rates());
    const PaperResults results = sort_runs(loaded);
    const PanelResults& panel = third_case(results);
    CHECK(panel.panel->noise == "clothes-to-bags");
    REQUIRE(panel.at("dmi", 0.1) != nullptr);
    CHECK(accuracy_text(*panel.at("dmi", 0.1)) == "98.50 ± 0.71 (n = 2)");
    CHECK(accuracy_text(*panel.at("ce", 0.1)) == "96.50 (n = 1)");
    CHECK(panel.at("dmi", 0.2) == nullptr);
    CHECK(panel.finished() == 4);
    CHECK(panel.expected() == 100);
    const std::vector<std::string> missing = missing_of(panel);
    REQUIRE(missing.size() == 2);
    CHECK(missing[1] ==
          "dmi: 0 of 5 seeds at r = 0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9; 1 of 5 seeds at r = 0.3; 2 of 5 seeds at r = "
          "0.1");
    CHECK(missing_of(results.panels[0]) == std::vector<std::string>{"nothing was run"});
  }

  TEST_CASE("page: a plot has a mark for each rate that was run and the paper's where there are any") {
    const LoadedRuns loaded = with_runs(two_rates());
    const PaperResults results = sort_runs(loaded);
    const Plot ours = panel_plot(third_case(results), "p");
    REQUIRE(series_of(ours, "DMI") != nullptr);
    REQUIRE(series_of(ours, "DMI")->marks.size() == 2);
    CHECK(series_of(ours, "DMI")->marks[0].tip == "DMI, r = 0.1: 98.50 ± 0.71 (n = 2)");
    CHECK(series_of(ours, "DMI, paper") == nullptr);
    const Plot cifar = panel_plot(results.panels.at(3), "p");
    CHECK(series_of(cifar, "DMI") == nullptr);
    CHECK(series_of(cifar, "DMI, paper")->marks.size() == 10);
    CHECK(series_of(cifar, "CE, paper")->marks.size() == 6);  // the others are empty in the paper's values
  }

  TEST_CASE("page: shortened runs do not count for the figures and are listed with the reason") {
    Result shortened = full_run("dmi", 3, 50.0, 0.1);
    shortened.epochs = 2;
    std::vector<Result> runs = two_rates();
    runs.push_back(shortened);
    const LoadedRuns loaded = with_runs(runs);
    const PaperResults results = sort_runs(loaded);
    CHECK(third_case(results).at("dmi", 0.1)->seeds == 2);
    REQUIRE(results.uncounted.size() == 1);
    CHECK(results.uncounted[0].run == &loaded.runs[4]);
    CHECK(results.uncounted[0].reason == "the result has 2 of 20 epochs");
  }
}

TEST_SUITE("experiment") {
  TEST_CASE("plot: lines break where a rate was not run and tips are escaped text") {
    const TemporaryFolder folder;
    Plot plot{.name = "p",
              .title = "<t>",
              .x_label = "x",
              .y_label = "y",
              .widest_gap = 0.1,
              .is_accuracy = true,
              .series = {}};
    plot.series.push_back({"a",
                           "#0072B2",
                           9,
                           LineStyle::filled,
                           {{0.1, 90.0, 1.0, "<script>"}, {0.2, 91.0, 1.0, "b'\"&"}, {0.5, 92.0, 1.0, "c"}},
                           {}});
    const std::string svg = draw_svg({plot}, folder.path()).at(0);
    CHECK(contains(svg, "aria-label=\"&lt;t&gt;\""));
    CHECK(contains(svg, "<title>&lt;script&gt;</title>"));
    CHECK(contains(svg, "<title>b&#39;&quot;&amp;</title>"));
    CHECK(!contains(svg, "gnuplot_svg"));
    CHECK(!contains(svg, "tip-"));
    // The path of the line: from the first mark to the second, and then anew from the third.
    const std::regex line("d='M[0-9.]+,[0-9.]+ L[0-9.]+,[0-9.]+ M");
    const auto curve = [](const std::string& drawn) {
      const size_t begin = drawn.find("p_plot_1");
      return drawn.substr(begin, drawn.find("<use", begin) - begin);
    };
    CHECK(std::regex_search(curve(svg), line));
    plot.widest_gap = 1.0;
    const std::regex joined("d='M[0-9.]+,[0-9.]+ L[0-9.]+,[0-9.]+ L[0-9.]+,[0-9.]+ M");
    CHECK(!std::regex_search(curve(svg), joined));
    CHECK(std::regex_search(curve(draw_svg({plot}, folder.path()).at(0)), joined));
  }

  TEST_CASE("report: --runs writes a page a text with figures and a table") {
    const TemporaryFolder folder;
    Result dmi = full_run("dmi", 1, 98.25), ce = full_run("ce", 1, 98.5);
    dmi.seconds = ce.seconds = 36.0;
    write_in(folder, "results.jsonl", recorded_line(dmi) + "\n{\"broken\n" + to_json(ce));
    const Outcome outcome =
        Process({program("report"), "--runs", folder.path().string(), "--out", (folder / "page").string()},
                folder.path())
            .wait();
    CHECK(outcome.code == 0);
    CHECK(contains(outcome.err, "results.jsonl, line 2: "));
    const auto files = files_below(folder / "page");
    CHECK(files.size() == 9);  // index.html, report.md, results.csv and a PNG for each of six panels
    const std::string& page = files.at("index.html");
    CHECK(contains(page, "DMI, r = 0.2: 98.25 (n = 1)"));
    CHECK(contains(page, "<td title=\"seeds 1\">98.25<small>n = 1</small></td>"));
    CHECK(contains(page, "paper 72.46"));
    CHECK(contains(page, "<span class=\"absent\">absent</span>"));
    CHECK(contains(page, "<td class=\"text\">ce - dmi</td><td>1</td><td>+0.25</td><td>absent</td>"));
    CHECK(contains(page, "U, learned"));
    CHECK(contains(page, "0.720"));
    CHECK(contains(page, "The paper&#39;s values of this panel are not available"));
    CHECK(contains(page, "results.jsonl, line 2: "));
    CHECK(!contains(page, "http-equiv=\"refresh\""));
    CHECK(!std::regex_search(page, std::regex("(src|href)=['\"]https?:")));
    CHECK(contains(files.at("report.md"), "| 0.2 | 98.50 (n = 1) | 98.25 (n = 1) |"));
    CHECK(contains(files.at("report.md"), "for the paper&#39;s figures"));
    CHECK(contains(files.at("report.md"), "results.jsonl, line 2: "));
    CHECK(contains(page, "The 98 others would take about 58 min 48 s of training"));
    CHECK(contains(files.at("report.md"), "](fashion_mnist_uniform.png)"));
    CHECK(contains(files.at("results.csv"), "fashion_mnist,clothes-to-bags,0.2,dmi,1,98.25,"));
    CHECK(files.at("fashion_mnist_clothes_to_bags.png").starts_with("\x89PNG"));
  }

  TEST_CASE("report: without gnuplot no page is left and an older one stays") {
    const TemporaryFolder folder;
    write_in(folder, "results.jsonl", to_json(full_run("dmi", 1, 98.25, 0.2)) + "\n");
    std::filesystem::create_directories(folder / "page");
    write_file_atomically(folder / "page" / "index.html", "older");
    const Outcome outcome = Process({"/usr/bin/env", "PATH=/nowhere", program("report"), "--runs",
                                     folder.path().string(), "--out", (folder / "page").string()},
                                    folder.path())
                                .wait();
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, "gnuplot is not installed"));
    CHECK(files_below(folder / "page") == std::map<std::string, std::string>{{"index.html", "older"}});
  }

  TEST_CASE("report: --watch needs --runs and results and --runs exclude each other") {
    const TemporaryFolder folder;
    CHECK(Process({program("report"), "--watch"}, folder.path()).wait().code == 2);
    CHECK(Process({program("report"), "a", "--runs", "b"}, folder.path()).wait().code == 2);
    CHECK(Process({program("report"), "--runs", "b", "--no-figure"}, folder.path()).wait().code == 2);
    CHECK(Process({program("report"), "--runs", "absent"}, folder.path()).wait().code == 1);
  }

  TEST_CASE("report: --watch writes the page until a signal and the browser loads it anew") {
    const TemporaryFolder folder;
    write_in(folder, "results.jsonl", to_json(full_run("dmi", 1, 98.25, 0.2)) + "\n");
    Process watching(
        {program("report"), "--runs", folder.path().string(), "--out", (folder / "page").string(), "--watch"},
        folder.path());
    REQUIRE(appears(folder / "page" / "index.html"));
    ::kill(watching.pid(), SIGTERM);
    CHECK(contains(watching.wait().err, "SIGTERM"));
    CHECK(contains(read_file(folder / "page" / "index.html"), "http-equiv=\"refresh\""));
  }
}
