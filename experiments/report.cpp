// The table and the figure of finished runs: report [FOLDER or results.jsonl ...] [--out FOLDER] [--no-figure]
#include <CLI/CLI.hpp>

#include "experiments/report/figure.h"
#include "experiments/report/summary.h"
#include "experiments/sweep/options.h"

namespace {

using namespace cofactor;
namespace fs = std::filesystem;

struct ReportOptions {
  std::vector<fs::path> inputs = {"runs/fashion_mnist"};
  fs::path out;
  bool no_figure = false;
};

// False where --help was asked for.
bool parse(ReportOptions& options, int argc, char** argv) {
  CLI::App app("The table of finished runs, and the figure: test accuracy over the noise rate, as SVG and PNG",
               "report");
  app.add_option("results", options.inputs, "Folders with a results.jsonl, or such files")->capture_default_str();
  app.add_option("--out", options.out, "Folder for EXPERIMENT_accuracy.svg and .png")
      ->default_str("that of the first input");
  app.add_flag("--no-figure", options.no_figure, "Only the table");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return false;
  } catch (const CLI::ParseError& error) {
    throw UsageError(fmt::format("{} (--help lists the flags)", error.what()));
  }
  const fs::path& first = options.inputs.front();
  if (options.out.empty()) options.out = fs::is_directory(first) ? first : first.parent_path();
  if (options.out.empty()) options.out = ".";
  return true;
}

int report(int argc, char** argv) {
  ReportOptions options;
  if (!parse(options, argc, argv)) return 0;
  std::vector<std::string> warnings;
  const std::vector<Summary> summaries = aggregate(read_all_results(options.inputs, warnings));
  for (const std::string& warning : warnings) fmt::print(stderr, "report: {}\n", warning);
  check(!summaries.empty(), "{}: no finished run", options.inputs.front().string());
  fmt::print("{}\n", format_table(summaries));
  std::fflush(stdout);
  if (options.no_figure) return 0;
  for (const fs::path& file : draw_figures(summaries, options.out)) fmt::print("{}\n", file.string());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main("report", [&] { return report(argc, argv); });
}
