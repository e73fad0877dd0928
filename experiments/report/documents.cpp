#include "experiments/report/documents.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "engine/io/file.h"
#include "engine/io/text.h"
#include "experiments/report/figure.h"
#include "experiments/report/markdown.h"
#include "experiments/report/paired.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kOpen = "<!-- table: ", kOpenEnd = " -->\n", kClose = "<!-- end of table -->";
constexpr std::string_view kResults = "docs/results", kFigures = "docs/figures";

// What a table's comment asks for.
struct TableRequest {
  const PanelResults* panel = nullptr;
  std::string kind;
  std::vector<std::string> methods;
};

TableRequest parse_request(std::string_view text, const PaperResults& results) {
  std::vector<std::string> words;
  while (!(text = trimmed(text)).empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  check(words.size() >= 4, "the table '{}' does not name an experiment, a noise, a kind and a method",
        fmt::join(words, " "));
  const auto panel = std::ranges::find_if(results.panels, [&](const PanelResults& one) {
    return one.panel->experiment == words[0] && one.panel->noise == words[1];
  });
  check(panel != results.panels.end(), "the paper has no experiment {} with noise {}", words[0], words[1]);
  return {&*panel, words[2], {words.begin() + 3, words.end()}};
}

// A value over seeds: "98.33 ± 0.12 (3)".
std::string over_seeds(double mean, double spread, int seeds, bool with_sign = false) {
  if (seeds == 0) return "absent";
  const std::string text = with_sign ? fmt::format("{:+.2f}", mean) : fmt::format("{:.2f}", mean);
  return seeds == 1 ? text + " (1)" : fmt::format("{} ± {:.2f} ({})", text, spread, seeds);
}

std::string accuracy_cell(const PanelResults& panel, const std::string& method, double rate) {
  const Summary* point = panel.at(method, rate);
  return point == nullptr ? "absent" : over_seeds(point->mean, point->deviation, point->seeds);
}

// The mean over seeds of the balanced accuracy, computed as that of accuracies is.
std::string balanced_cell(const PanelResults& panel, const std::string& method, double rate) {
  std::vector<Result> balanced;
  for (const ReportedRun* run : panel.runs) {
    const Result& result = run->result();
    if (result.method != method || result.rate != rate || run->record.matrices.counts.empty()) continue;
    balanced.push_back(result);
    balanced.back().test_accuracy = balanced_accuracy(run->record.matrices.counts);
  }
  if (balanced.empty()) return "absent";
  const Summary mean = aggregate(balanced).front();
  return over_seeds(mean.mean, mean.deviation, mean.seeds);
}

std::string paired_cell(const std::vector<PairedDifference>& pairs, const std::string& method, const std::string& other,
                        double rate) {
  for (const PairedDifference& pair : pairs) {
    if (pair.rate != rate) continue;
    if (pair.method == method && pair.other == other)
      return over_seeds(pair.mean, pair.standard_error, pair.seeds, true);
    if (pair.method == other && pair.other == method)
      return over_seeds(-pair.mean, pair.standard_error, pair.seeds, true);
  }
  return "absent";
}

std::string baseline_cell(const PanelResults& panel, double rate) {
  for (const Summary& point : panel.points) {
    if (point.rate == rate) return fmt::format("{:.1f}", point.majority);
  }
  return "absent";
}

std::string make_table(const TableRequest& request) {
  const PanelResults& panel = *request.panel;
  const auto& methods = request.methods;
  std::vector<Result> results;
  for (const ReportedRun* run : panel.runs) results.push_back(run->result());
  const std::vector<PairedDifference> pairs = paired_differences(results);

  const bool is_accuracy = request.kind == "accuracy", is_paired = request.kind == "paired";
  check(is_accuracy || is_paired || request.kind == "balanced", "the kind of table '{}' is not known", request.kind);
  std::vector<std::vector<std::string>> rows(1, {"rate"});
  if (is_accuracy) rows[0].push_back("baseline");
  for (size_t m = is_paired ? 1 : 0; m < methods.size(); ++m)
    rows[0].push_back((is_paired ? upper_case(methods[0]) + " - " : "") + upper_case(methods[m]));
  for (const double rate : panel.panel->rates) {
    std::vector<std::string>& row = rows.emplace_back(1, fmt::format("{:g}", rate));
    if (is_accuracy) row.push_back(baseline_cell(panel, rate));
    for (size_t m = is_paired ? 1 : 0; m < methods.size(); ++m) {
      row.push_back(is_accuracy ? accuracy_cell(panel, methods[m], rate)
                    : is_paired ? paired_cell(pairs, methods[0], methods[m], rate)
                                : balanced_cell(panel, methods[m], rate));
    }
  }
  return markdown_table(rows);
}

// The runs of docs/results in the order of the paper's panels and methods, so that a figure does not depend on the
// order of lines.
LoadedRuns load_kept_runs(const fs::path& root) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(root / kResults)) {
    if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  LoadedRuns loaded = load_runs(files);
  check(loaded.problems.empty(), "{}", fmt::join(loaded.problems, "\n"));
  return loaded;
}

// The results that count for the figures of an experiment.
std::vector<Result> counted_results(const PaperResults& results, std::string_view experiment) {
  std::vector<Result> counted;
  for (const PanelResults& panel : results.panels) {
    if (panel.panel->experiment != experiment) continue;
    for (const std::string& method : panel.methods) {
      for (const ReportedRun* run : panel.runs) {
        if (run->result().method == method) counted.push_back(run->result());
      }
    }
  }
  return counted;
}

std::vector<fs::path> pages_below(const fs::path& root) {
  std::vector<fs::path> pages;
  for (const fs::path& folder : {root, root / "docs"}) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".md") pages.push_back(entry.path());
    }
  }
  return pages;
}

bool is_current(const fs::path& root, const std::string& figure, const std::string& script) {
  return fs::exists(root / figure) && read_file(root / figure).find(drawn_from(script)) != std::string::npos;
}

}  // namespace

std::string with_tables(std::string_view markdown, const PaperResults& results) {
  std::string text;
  while (true) {
    const size_t open = markdown.find(kOpen);
    if (open == std::string_view::npos) return text + std::string(markdown);
    const size_t content = markdown.find(kOpenEnd, open), close = markdown.find(kClose, open);
    check(content != std::string_view::npos && close != std::string_view::npos && content < close,
          "the table that begins with '{}' has no '{}'", markdown.substr(open, 60), kClose);
    const std::string_view request = markdown.substr(open + kOpen.size(), content - open - kOpen.size());
    text += markdown.substr(0, content + kOpenEnd.size());
    text += "\n" + make_table(parse_request(request, results)) + "\n";
    text += kClose;
    markdown.remove_prefix(close + kClose.size());
  }
}

Documents make_documents(const fs::path& root) {
  const LoadedRuns loaded = load_kept_runs(root);
  const PaperResults results = sort_runs(loaded);
  Documents documents;
  for (const PaperPanel& panel : paper_panels()) {
    const std::vector<Result> counted = counted_results(results, panel.experiment);
    if (counted.empty()) continue;
    documents.scripts.insert_or_assign(fmt::format("{}/{}_accuracy.svg", kFigures, panel.experiment),
                                       figure_script(aggregate(counted)));
  }
  for (const fs::path& page : pages_below(root)) {
    const std::string text = read_file(page);
    if (text.find(kOpen) == std::string::npos) continue;
    try {
      documents.pages.emplace(fs::relative(page, root).string(), with_tables(text, results));
    } catch (const Error& error) {
      fail("{}: {}", page.string(), error.what());
    }
  }
  return documents;
}

namespace {

std::vector<std::string> stale_of(const fs::path& root, const Documents& documents) {
  std::vector<std::string> stale;
  for (const auto& [figure, script] : documents.scripts) {
    if (!is_current(root, figure, script)) stale.push_back(figure);
  }
  for (const auto& [page, text] : documents.pages) {
    if (read_file(root / page) != text) stale.push_back(page);
  }
  return stale;
}

}  // namespace

std::vector<std::string> stale_documents(const fs::path& root) {
  return stale_of(root, make_documents(root));
}

std::vector<std::string> refresh_documents(const fs::path& root) {
  const Documents documents = make_documents(root);
  const std::vector<std::string> stale = stale_of(root, documents);
  for (const std::string& file : stale) {
    const auto script = documents.scripts.find(file);
    write_file_atomically(root / file, script == documents.scripts.end()
                                           ? documents.pages.at(file)
                                           : draw_script(script->second, root / kFigures).at("figure.svg"));
  }
  return stale;
}

}  // namespace cofactor
