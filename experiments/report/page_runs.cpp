#include "experiments/report/page_runs.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "experiments/report/html.h"
#include "experiments/training/duration.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

using EpochValue = double EpochMetrics::*;

// The finite values of a run's epochs, which are counted from 1.
Series curve(const ReportedRun& run, EpochValue value, LineStyle style, std::string_view what) {
  const Result& result = run.result();
  Series series{result.method, std::string(look_of(result.method).color), 0, style, {}, {}};
  for (const EpochMetrics& epoch : run.record.history) {
    if (std::isfinite(epoch.*value)) series.marks.push_back({epoch.epoch + 1.0, epoch.*value, 0.0, {}});
  }
  if (!series.marks.empty()) {
    series.tip = fmt::format("{}, seed {}: {} from {:.4g} to {:.4g}; epoch {} was selected", result.method, result.seed,
                             what, series.marks.front().y, series.marks.back().y, result.best_epoch + 1);
  }
  return series;
}

Plot curve_plot(std::string name, std::string title, std::string y_label, std::vector<Series> series) {
  std::erase_if(series, [](const Series& one) { return one.marks.empty(); });
  Plot plot{.name = std::move(name),
            .title = std::move(title),
            .x_label = "epoch",
            .y_label = std::move(y_label),
            .left = 1.0,
            .right = 2.0,
            .series = std::move(series)};
  for (const Series& one : plot.series) plot.right = std::max(plot.right, one.marks.back().x);
  return plot;
}

using Runs = std::vector<const ReportedRun*>;

// The plots of one noise rate: accuracies of all methods, and the losses of each, which cannot be compared.
std::vector<Plot> rate_plots(const Runs& runs, const std::vector<std::string>& methods, const std::string& name) {
  std::vector<Series> accuracies;
  for (const ReportedRun* run : runs)
    accuracies.push_back(
        curve(*run, &EpochMetrics::valid_accuracy, LineStyle::curve, "validation accuracy (noisy labels)"));
  std::vector<Plot> plots = {curve_plot(name + "a", "All methods: validation accuracy (noisy labels)",
                                        "noisy validation accuracy (%)", std::move(accuracies))};
  for (size_t m = 0; m < methods.size(); ++m) {
    std::vector<Series> losses;
    for (const ReportedRun* run : runs) {
      if (run->result().method != methods[m]) continue;
      losses.push_back(curve(*run, &EpochMetrics::train_loss, LineStyle::curve, "training loss"));
      losses.push_back(curve(*run, &EpochMetrics::valid_loss, LineStyle::dashed, "validation loss"));
    }
    plots.push_back(curve_plot(fmt::format("{}m{}", name, m), methods[m] + ": loss, training solid, validation dashed",
                               "loss", std::move(losses)));
  }
  std::erase_if(plots, [](const Plot& plot) { return plot.series.empty(); });
  return plots;
}

struct CurveGroup {
  std::string heading;
  std::vector<Plot> plots;
};

std::vector<CurveGroup> curve_groups(const PaperResults& results) {
  std::vector<CurveGroup> groups;
  for (const PanelResults& panel : results.panels) {
    for (const double rate : panel.rates) {
      Runs runs;
      for (const ReportedRun* run : panel.runs) {
        if (run->result().rate == rate) runs.push_back(run);
      }
      std::vector<Plot> plots = rate_plots(runs, panel.methods, fmt::format("c{}", groups.size()));
      if (plots.empty()) continue;
      groups.push_back({fmt::format("{}, r = {:g}", panel.panel->title, rate), std::move(plots)});
    }
  }
  return groups;
}

std::string heat_table(std::string_view caption, const MatrixRows& rows) {
  std::string table = fmt::format("<table class=\"heat\"><caption>{}</caption>", html(caption));
  double highest = 0.0;
  for (const auto& row : rows)
    for (const double value : row) highest = std::max(highest, value);
  for (const auto& row : rows) {
    table += "<tr>";
    for (const double value : row) {
      const double share = highest > 0.0 ? std::clamp(value / highest, 0.0, 1.0) : 0.0;
      table += fmt::format("<td style=\"--share:{:.3f}\" title=\"{}\">{:.3f}</td>", share, value, value);
    }
    table += "</tr>";
  }
  return table + "</table>";
}

std::string counts_table(const MatrixRows& counts) {
  if (counts.empty()) return "<p class=\"absent\">The test's counts were not recorded.</p>";
  std::string table =
      fmt::format("<table><caption>Test samples, balanced accuracy {:.2f}%</caption>", balanced_accuracy(counts));
  for (const auto& row : counts) {
    table += "<tr>";
    for (const double count : row) table += fmt::format("<td>{:g}</td>", count);
    table += "</tr>";
  }
  return table + "</table>";
}

std::string run_row(const ReportedRun& run, std::string_view reason, size_t index) {
  const Result& result = run.result();
  return fmt::format(
      "<tr><td class=\"text\">{}</td><td class=\"text\">{}</td><td>{:g}</td><td class=\"text\">{}</td><td>{}</td>"
      "<td>{:.2f}</td><td>{} / {}</td><td>{} / {}</td><td>{}</td><td class=\"text\">{}</td><td class=\"text\">{}</td>"
      "<td class=\"text\"><details id=\"settings-{}\"><summary>show</summary><pre>{}</pre><p>{}</p></details></td>"
      "<td class=\"text\">{}</td></tr>\n",
      html(result.experiment), html(result.noise), result.rate, html(result.method), result.seed, result.test_accuracy,
      result.best_epoch + 1, result.epochs, result.skipped_batches, result.batches,
      html(format_duration(std::max(0.0, result.seconds))),
      html(fmt::format("{}{}, {}, threads: {}", result.device,
                       result.processor.empty() ? "" : " (" + result.processor + ")", result.precision,
                       result.threads)),
      html(result.version), index, html(result.settings), html(run.source),
      html(reason.empty() ? "yes" : "no: " + std::string(reason)));
}

}  // namespace

std::string curves_section(const PaperResults& results, const fs::path& folder) {
  const std::vector<CurveGroup> groups = curve_groups(results);
  std::vector<Plot> plots;
  for (const CurveGroup& group : groups) plots.insert(plots.end(), group.plots.begin(), group.plots.end());
  const std::vector<std::string> drawn = draw_svg(plots, folder);
  std::string section =
      "<h2>Training curves</h2>\n<p>One line for each seed. Pre-training is the training of ce. Accuracies are on "
      "noisy "
      "validation labels.</p>\n";
  if (groups.empty()) section += "<p class=\"absent\">No run here has its metrics by epoch.</p>\n";
  size_t next = 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    section += fmt::format("<details id=\"curves-{}\"><summary>{}</summary><div class=\"panels\">\n", g,
                           html(groups[g].heading));
    for (const Plot& plot : groups[g].plots) {
      std::set<std::string> methods;
      for (const Series& series : plot.series) methods.insert(series.label);
      std::string legend;
      for (const std::string& method : methods)
        legend += fmt::format("<li><span style=\"color:{}\">━</span> {}</li>", look_of(method).color, html(method));
      section += fmt::format("<figure><figcaption>{}</figcaption>{}<ul class=\"legend\">{}</ul></figure>\n",
                             html(plot.title), drawn[next++], legend);
    }
    section += "</div></details>\n";
  }
  return section;
}

std::string matrices_section(const LoadedRuns& loaded) {
  std::string section =
      "<h2>Joint matrices</h2>\n<p>U(c, y): the mean over held-out samples of the probability of class c where the "
      "given "
      "label is y. T(c, y): the probability of the noisy label y where the true class is c. Rows are c. Test samples "
      "are counted by true class (row) and predicted class (column); "
      "balanced accuracy is the mean of the classes' accuracies.</p>\n";
  size_t count = 0;
  for (const ReportedRun& run : loaded.runs) {
    if (run.record.matrices.joint.empty() && run.record.matrices.transition.empty()) continue;
    section += fmt::format(
        "<details id=\"matrix-{}\"><summary>{}</summary><div class=\"matrices scroll\">{}{}{}</div></details>\n",
        count++, html(run.result().label()),
        run.record.matrices.joint.empty() ? "<p class=\"absent\">U was not recorded.</p>"
                                          : heat_table("U, learned", run.record.matrices.joint),
        run.record.matrices.transition.empty() ? "<p class=\"absent\">T was not recorded.</p>"
                                               : heat_table("T, true", run.record.matrices.transition),
        counts_table(run.record.matrices.counts));
  }
  if (count == 0) section += "<p class=\"absent\">No run here has recorded U or T.</p>\n";
  return section;
}

std::string runs_section(const LoadedRuns& loaded, const PaperResults& results) {
  std::string section = fmt::format(
      "<h2>Runs</h2>\n<details id=\"runs\"><summary>{} runs with their settings</summary><div "
      "class=\"scroll\"><table>\n"
      "<tr><th class=\"text\">experiment</th><th class=\"text\">noise</th><th>rate</th><th class=\"text\">method</th>"
      "<th>seed</th><th>test accuracy</th><th>selected epoch</th><th>skipped batches</th><th>time</th>"
      "<th class=\"text\">device</th><th class=\"text\">version</th><th class=\"text\">settings</th>"
      "<th class=\"text\">counts for the figures</th></tr>\n",
      loaded.runs.size());
  for (size_t i = 0; i < loaded.runs.size(); ++i) {
    const auto uncounted = std::ranges::find(results.uncounted, &loaded.runs[i], &UncountedRun::run);
    section += run_row(loaded.runs[i], uncounted == results.uncounted.end() ? "" : uncounted->reason, i);
  }
  return section + "</table></div></details>\n";
}

}  // namespace cofactor
