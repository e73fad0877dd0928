// The table and the figure of finished runs: report [FOLDER or results.jsonl ...] [--out FOLDER] [--no-figure]
// [--collect FILE-OR-FOLDER]
// or the documentation's figures and tables: report --docs FOLDER
// or what the paper ran: report --paper
// or a page of them beside the paper: report --runs [FOLDER or results.jsonl ...] --out FOLDER [--watch]
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/io/file.h"
#include "experiments/report/collect.h"
#include "experiments/report/documents.h"
#include "experiments/report/figure.h"
#include "experiments/report/full_protocol.h"
#include "experiments/report/page.h"
#include "experiments/report/paired.h"
#include "experiments/report/paper.h"
#include "experiments/report/summary.h"
#include "experiments/report/watch.h"
#include "experiments/sweep/flags.h"
#include "experiments/sweep/program.h"
#include "experiments/sweep/version.h"
#include "experiments/training/console.h"

namespace {

using namespace cofactor;
namespace fs = std::filesystem;

struct ReportOptions {
  std::vector<fs::path> inputs = {"runs/fashion_mnist"};
  fs::path out, collect, docs;
  bool no_figure = false, paper = false;
  std::vector<fs::path> runs;
  bool watch = false;
};

constexpr int kWatchSeconds = 10;

// Returns false where --help was given.
bool parse(ReportOptions& options, int argc, char** argv) {
  Flags flags("report",
              "The table of finished runs, and the figure: test accuracy over the noise rate, as SVG and PNG");
  const Flag results =
      flags.add("results", options.inputs, "Folders of runs, with the shards below them, or files like results.jsonl")
          .default_text(options.inputs.front().string());
  flags.add("--out", options.out, "Folder for EXPERIMENT_accuracy.svg and .png, and paired.csv, or for the page")
      .default_text("that of the first input");
  const Flag collect =
      flags.add("--collect", options.collect,
                "Only add the runs, with their metrics and matrices, to this file; a run that it has stays one line. "
                "Where it is a folder: to EXPERIMENT.jsonl in it");
  const Flag docs = flags
                        .add("--docs", options.docs,
                             "Only make the figures and tables of this repository's documentation anew, from the runs "
                             "in its docs/results")
                        .excludes(results)
                        .excludes(collect);
  flags.add("--no-figure", options.no_figure, "Only the table");
  flags
      .add(
          "--paper", options.paper,
          "Only print what the paper ran, a line for each panel and table: experiment, noise, methods, rates, training "
          "samples, epochs of pre-training, of dmi and of another method")
      .excludes(results)
      .excludes(collect)
      .excludes(docs);
  flags.start_group("A page beside the paper");
  flags
      .add("--runs", options.runs,
           "Such folders or files: writes index.html, report.md with PNGs, and results.csv, with the paper's figures, "
           "table and values")
      .excludes(results)
      .excludes(collect)
      .excludes(docs);
  flags.add("--watch", options.watch, "Writes the page anew whenever a run finishes or begins, until Ctrl-C");
  if (!flags.parse(argc, argv)) return false;
  if (options.watch && options.runs.empty()) usage("--watch needs --runs: it writes the page of these runs anew");
  if (options.no_figure && !options.runs.empty()) usage("--no-figure does not apply to the page of --runs");
  const fs::path& first = options.runs.empty() ? options.inputs.front() : options.runs.front();
  if (options.out.empty()) options.out = fs::is_directory(first) ? first : first.parent_path();
  if (options.out.empty()) options.out = ".";
  return true;
}

// The page of --runs.
void write_page(const ReportOptions& options) {
  const LoadedRuns loaded = load_runs(options.runs);
  for (const std::string& problem : loaded.problems) print_error(fmt::format("report: {}", problem));
  const PageOptions page{.refresh_seconds = options.watch ? kWatchSeconds : 0, .version = version()};
  for (const fs::path& file : write_report(loaded, page, options.out)) fmt::print("{}\n", file.string());
  std::fflush(stdout);
}

int report_page(const ReportOptions& options) {
  if (!options.watch) {
    write_page(options);
    return 0;
  }
  watch(options.runs, kWatchSeconds, [&] { write_page(options); });
  return 0;
}

int collect_runs(const ReportOptions& options) {
  const bool is_folder = fs::is_directory(options.collect);
  const Collected collected =
      is_folder ? collect_by_experiment(options.collect, options.inputs) : collect(options.collect, options.inputs);
  for (const std::string& problem : collected.problems) print_error(fmt::format("report: {}", problem));
  fmt::print("{}: {} runs; {} added, {} completed, {} in conflict\n", options.collect.string(), collected.runs,
             collected.added, collected.completed, collected.conflicts);
  return collected.conflicts == 0 ? 0 : 1;
}

int refresh_docs(const ReportOptions& options) {
  const std::vector<std::string> files = refresh_documents(options.docs);
  for (const std::string& file : files) fmt::print("{}\n", file);
  if (files.empty()) fmt::print("{}: all figures and tables are current\n", options.docs.string());
  return 0;
}

int print_paper() {
  for (const PaperPanel& panel : paper_panels()) {
    const FullProtocol& full = full_protocol(panel.experiment);
    fmt::print("{} {} {} {} {} {} {} {}\n", panel.experiment, panel.noise, fmt::join(panel.methods, ","),
               fmt::join(panel.rates, ","), full.train, full.pretraining_epochs, full.dmi_epochs, full.other_epochs);
  }
  return 0;
}

int report(int argc, char** argv) {
  ReportOptions options;
  if (!parse(options, argc, argv)) return 0;
  if (options.paper) return print_paper();
  if (!options.runs.empty()) return report_page(options);
  if (!options.docs.empty()) return refresh_docs(options);
  if (!options.collect.empty()) return collect_runs(options);
  std::vector<std::string> warnings;
  std::vector<Result> results = read_all_results(options.inputs, warnings);
  const std::vector<std::string> partial = drop_partial(results);
  warnings.insert(warnings.end(), partial.begin(), partial.end());
  const std::vector<Summary> summaries = aggregate(results);
  const std::vector<PairedDifference> pairs = paired_differences(results);
  for (const std::string& warning : warnings) print_error(fmt::format("report: {}", warning));
  check(!summaries.empty(), "{}: there is no finished run", options.inputs.front().string());
  fmt::print("{}\n", format_table(with_absent(summaries)));
  if (!pairs.empty()) fmt::print("\n{}\n", format_paired(pairs));
  std::fflush(stdout);
  if (options.no_figure) return 0;
  ensure_writable_directory(options.out);
  write_file_atomically(options.out / "paired.csv", paired_csv(pairs));
  fmt::print("{}\n", (options.out / "paired.csv").string());
  std::fflush(stdout);
  for (const fs::path& file : draw_figures(summaries, options.out)) fmt::print("{}\n", file.string());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main("report", [&] { return report(argc, argv); });
}
