#include "experiments/report/page.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "engine/error.h"
#include "engine/io/file.h"
#include "experiments/report/csv_field.h"
#include "experiments/report/html.h"
#include "experiments/report/markdown.h"
#include "experiments/report/page_runs.h"
#include "experiments/report/paired.h"
#include "experiments/report/panels.h"
#include "experiments/report/texts.h"
#include "experiments/training/duration.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTable = "Table 1";

std::string items(const std::vector<std::string>& texts) {
  std::string list = "<ul>\n";
  for (const std::string& text : texts) list += fmt::format("<li>{}</li>\n", html(text));
  return list + "</ul>\n";
}

struct PanelCounts {
  size_t expected = 0, finished = 0, runs = 0;
  double median_seconds = 0.0;  // of the runs that count: some may have been stopped for a while
};

PanelCounts count_runs(const std::vector<PanelResults>& panels) {
  PanelCounts counts;
  std::vector<double> seconds;
  for (const PanelResults& panel : panels) {
    if (panel.runs.empty()) continue;
    counts.expected += panel.expected();
    counts.finished += panel.finished();
    for (const ReportedRun* run : panel.runs) seconds.push_back(run->result().seconds);
  }
  counts.runs = seconds.size();
  if (seconds.empty()) return counts;
  const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
  std::ranges::nth_element(seconds, middle);
  counts.median_seconds = *middle;
  return counts;
}

// How much of the panels that were begun is done. The time is an estimate and says from what.
std::vector<std::string> status_lines(const LoadedRuns& loaded, const PaperResults& results) {
  const PanelCounts counts = count_runs(results.panels);
  std::vector<std::string> lines = {fmt::format(
      "{} finished runs, of which {} count for the paper's figures and table.", loaded.runs.size(), counts.runs)};
  if (counts.expected > 0) {
    lines.push_back(fmt::format("{} of the {} runs that the panels begun here have in the paper, with {} seeds each.",
                                counts.finished, counts.expected, kPaperSeeds));
  }
  if (counts.finished > 0 && counts.finished < counts.expected && counts.median_seconds > 0.0) {
    const auto left = static_cast<double>(counts.expected - counts.finished);
    lines.push_back(
        fmt::format("The {} others would take about {} of training one after the other, at the median of the finished "
                    "runs, {}.",
                    counts.expected - counts.finished, format_duration(counts.median_seconds * left),
                    format_duration(counts.median_seconds)));
  }
  lines.insert(lines.end(), loaded.sweeps.begin(), loaded.sweeps.end());
  if (!loaded.underway.empty())
    lines.push_back(fmt::format("Under way or interrupted: {}.", fmt::join(loaded.underway, ", ")));
  return lines;
}

std::string cell(const PanelResults& results, const std::string& method, double rate) {
  const Summary* ours = results.at(method, rate);
  const auto paper = paper_value(*results.panel, method, rate);
  const std::string beside = paper ? fmt::format("<small>paper {:g}</small>", *paper) : "";
  if (ours == nullptr) return fmt::format("<td><span class=\"absent\">absent</span>{}</td>", beside);
  const std::string spread = ours->seeds > 1 ? fmt::format(" ± {:.2f}", ours->deviation) : "";
  return fmt::format("<td title=\"seeds {}\">{:.2f}{}<small>n = {}</small>{}</td>",
                     fmt::join(results.seeds(method, rate), ", "), ours->mean, spread, ours->seeds, beside);
}

std::string heads(const std::vector<std::string>& methods) {
  std::string row;
  for (const std::string& method : methods) row += fmt::format("<th>{}</th>", html(method));
  return row;
}

std::string panel_table(const PanelResults& results) {
  std::string table = fmt::format("<table><tr><th>rate</th>{}</tr>\n", heads(results.methods));
  for (const double rate : results.rates) {
    table += fmt::format("<tr><th>{:g}</th>", rate);
    for (const std::string& method : results.methods) table += cell(results, method, rate);
    table += "</tr>\n";
  }
  return table + "</table>\n";
}

bool has_paper_values(const PanelResults& results) {
  return std::ranges::any_of(paper_values(),
                             [&](const PaperValue& value) { return value.experiment == results.panel->experiment; });
}

std::string panel_legend(const PanelResults& results) {
  const bool has_paper = has_paper_values(results);
  std::string list = "<ul class=\"legend\">";
  for (const std::string& method : results.methods) {
    const MethodLook& look = look_of(method);
    list += fmt::format("<li><span style=\"color:{}\">{}{}</span> {}</li>", look.color, look.filled_sign,
                        has_paper ? look.open_sign : "", html(method));
  }
  return list + "<li><span style=\"color:#777777\">×</span> most frequent noisy label</li></ul>";
}

std::string panel_figure(const PanelResults& results, const std::string& svg, size_t index) {
  std::string notes;
  if (results.runs.empty()) notes += "No run of this panel is here. ";
  notes += has_paper_values(results) ? "Open marks are the paper's, read off its plots, about ± 0.4."
                                     : "The paper's values of this panel are not available, so only ours are shown.";
  return fmt::format(
      "<figure><figcaption>{}</figcaption>{}{}<p class=\"soft\">{}</p><details id=\"values-{}\"><summary>Values"
      "</summary><div class=\"scroll\">{}</div></details></figure>\n",
      html(results.panel->title), svg, panel_legend(results), html(notes), index, panel_table(results));
}

std::vector<Plot> panel_plots(const PaperResults& results) {
  std::vector<Plot> plots;
  for (const PanelResults& panel : results.panels) {
    if (panel.panel->figure != kTable)
      plots.push_back(panel_plot(panel, fmt::format("{}_{}", panel.panel->experiment, panel.panel->noise)));
  }
  for (Plot& plot : plots) std::ranges::replace(plot.name, '-', '_');
  return plots;
}

std::string figures_section(const PaperResults& results, const fs::path& folder) {
  const std::vector<std::string> drawn = draw_svg(panel_plots(results), folder);
  std::string section, figure;
  for (size_t i = 0; i < results.panels.size(); ++i) {
    const PanelResults& panel = results.panels[i];
    if (panel.panel->figure != figure) {
      if (!figure.empty()) section += "</div>\n";
      figure = panel.panel->figure;
      section += fmt::format("<h2>{}: test accuracy (%) on clean labels</h2>\n<div class=\"panels\">\n", html(figure));
    }
    if (panel.panel->figure == kTable) {
      section += fmt::format("<figure><figcaption>{}</figcaption><div class=\"scroll\">{}</div></figure>\n",
                             html(panel.panel->title), panel_table(panel));
    } else {
      section += panel_figure(panel, drawn[i], i);
    }
  }
  return section +
         "</div>\n<p class=\"soft\">Filled marks: mean over seeds, with the sample standard deviation; n is the "
         "number of seeds. Lines join neighbouring rates only; a rate without a run has no mark.</p>\n";
}

std::string paired_row(const PairedDifference& pair, std::string_view title) {
  const std::string mean = pair.seeds > 0 ? fmt::format("{:+.2f}", pair.mean) : "absent";
  const std::string error = pair.seeds > 1 ? fmt::format("{:.2f}", pair.standard_error) : "absent";
  return fmt::format(
      "<tr><td class=\"text\">{}</td><td>{:g}</td><td class=\"text\">{} - {}</td><td>{}</td><td>{}</td>"
      "<td>{}</td></tr>\n",
      html(title), pair.rate, html(pair.method), html(pair.other), pair.seeds, mean, error);
}

// Differences of methods over the seeds that both have, of the runs that count.
std::string paired_section(const PaperResults& results) {
  std::string rows;
  for (const PanelResults& panel : results.panels) {
    std::vector<Result> counted;
    for (const ReportedRun* run : panel.runs) counted.push_back(run->result());
    for (const PairedDifference& pair : paired_differences(counted)) rows += paired_row(pair, panel.panel->title);
  }
  if (rows.empty()) return "";
  return "<h2>Paired differences</h2>\n<p>Mean difference of test accuracies over the seeds that both methods have, "
         "and its "
         "standard error.</p>\n<details id=\"paired\"><summary>All pairs of methods</summary><div "
         "class=\"scroll\"><table>"
         "<tr><th class=\"text\">panel</th><th>rate</th><th class=\"text\">methods</th><th>seeds</th><th>mean "
         "difference</th><th>standard error</th></tr>\n" +
         rows + "</table></div></details>\n";
}

std::vector<std::string> missing_lines(const PaperResults& results) {
  std::vector<std::string> lines;
  for (const PanelResults& panel : results.panels) {
    for (const std::string& missing : missing_of(panel))
      lines.push_back(fmt::format("{}, {}, {}", panel.panel->figure, panel.panel->title, missing));
  }
  for (const auto& [run, reason] : results.uncounted)
    lines.push_back(fmt::format("{} does not count: {}", run->result().label(), reason));
  return lines;
}

std::string results_csv(const LoadedRuns& loaded, const PaperResults& results) {
  std::string table =
      "experiment,noise,rate,method,seed,test_accuracy,majority_accuracy,epochs,selected_epoch,skipped_batches,batches,"
      "seconds,device,precision,threads,version,counts,source\n";
  for (const ReportedRun& run : loaded.runs) {
    const Result& r = run.result();
    const auto uncounted = std::ranges::find(results.uncounted, &run, &UncountedRun::run);
    table += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", csv_field(r.experiment),
                         csv_field(r.noise), r.rate, csv_field(r.method), r.seed, r.test_accuracy, r.majority_accuracy,
                         r.epochs, r.best_epoch + 1, r.skipped_batches, r.batches, r.seconds, csv_field(r.device),
                         csv_field(r.precision), r.threads, csv_field(r.version),
                         csv_field(uncounted == results.uncounted.end() ? "yes" : "no: " + uncounted->reason),
                         csv_field(run.source));
  }
  return table;
}

// A name from outside in Markdown: HTML's characters and those of tables and emphasis are escaped.
std::string markdown(std::string_view text) {
  std::string escaped;
  for (const char c : html(text)) {
    if (std::string_view("\\`*_[]|").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string panel_markdown(const PanelResults& panel) {
  std::vector<std::vector<std::string>> rows(1, {"rate"});
  for (const std::string& method : panel.methods) rows[0].push_back(markdown(method));
  for (const double rate : panel.rates) {
    std::vector<std::string>& row = rows.emplace_back(1, fmt::format("{:g}", rate));
    for (const std::string& method : panel.methods) {
      const Summary* ours = panel.at(method, rate);
      const auto paper = paper_value(*panel.panel, method, rate);
      row.push_back((ours == nullptr ? "absent" : accuracy_text(*ours)) +
                    (paper ? fmt::format("; paper {:g}", *paper) : ""));
    }
  }
  return markdown_table(rows);
}

std::string report_md(const LoadedRuns& loaded, const PaperResults& results, const PageOptions& options) {
  std::string text = "# L_DMI: results beside the paper\n\n";
  for (const std::string& line : status_lines(loaded, results)) text += markdown(line) + "\n\n";
  const std::vector<Plot> plots = panel_plots(results);
  for (size_t i = 0; i < results.panels.size(); ++i) {
    const PanelResults& panel = results.panels[i];
    text += fmt::format("## {}, {}\n\n", panel.panel->figure, panel.panel->title);
    if (panel.panel->figure != kTable) text += fmt::format("![{}]({}.png)\n\n", plots[i].title, plots[i].name);
    if (!has_paper_values(panel)) text += "The paper's values of this panel are not available.\n\n";
    text += panel_markdown(panel) + "\n";
  }
  text += "Mean and sample standard deviation over n seeds.\n\n## Missing from a full reproduction\n\n";
  for (const std::string& line : missing_lines(results)) text += "- " + markdown(line) + "\n";
  if (!loaded.problems.empty()) text += "\n## Left out or replaced\n\n";
  for (const std::string& problem : loaded.problems) text += "- " + markdown(problem) + "\n";
  return text + fmt::format("\nWritten by cofactor {}.\n", markdown(options.version));
}

std::string render_page(const LoadedRuns& loaded, const PaperResults& results, const PageOptions& options,
                        const fs::path& folder) {
  const std::string refresh =
      options.refresh_seconds > 0
          ? fmt::format("<meta http-equiv=\"refresh\" content=\"{}\">\n", options.refresh_seconds)
          : "";
  const std::vector<std::string> missing = missing_lines(results);
  return fill(
      kPageTemplate,
      {{"refresh", refresh},
       {"status", items(status_lines(loaded, results))},
       {"figures", figures_section(results, folder)},
       {"paired", paired_section(results)},
       {"curves", curves_section(results, folder)},
       {"matrices", matrices_section(loaded)},
       {"runs", runs_section(loaded, results)},
       {"missing",
        "<h2>Missing from a full reproduction</h2>\n" + (missing.empty() ? "<p>Nothing.</p>\n" : items(missing))},
       {"problems", loaded.problems.empty() ? "" : "<h2>Left out or replaced</h2>\n" + items(loaded.problems)},
       {"origin", html(fmt::format("Written by cofactor {}. The paper: Xu, Cao, Kong, Wang, L_DMI: A Novel "
                                   "Information-theoretic Loss Function for Training Deep Nets Robust to Label Noise, "
                                   "NeurIPS 2019.",
                                   options.version))}});
}

}  // namespace

std::vector<fs::path> write_report(const LoadedRuns& loaded, const PageOptions& options, const fs::path& folder) {
  ensure_writable_directory(folder);
  const PaperResults results = sort_runs(loaded);
  const std::vector<Plot> plots = panel_plots(results);
  std::vector<std::pair<std::string, std::string>> contents;
  std::vector<std::string> drawn = draw_png(plots, folder);
  for (size_t i = 0; i < plots.size(); ++i) contents.emplace_back(plots[i].name + ".png", std::move(drawn[i]));
  contents.emplace_back("report.md", report_md(loaded, results, options));
  contents.emplace_back("results.csv", results_csv(loaded, results));
  contents.emplace_back("index.html", render_page(loaded, results, options, folder));
  std::vector<fs::path> files;
  for (const auto& [name, bytes] : contents) {
    files.push_back(folder / name);
    write_file_atomically(files.back(), bytes);
  }
  return files;
}

}  // namespace cofactor
