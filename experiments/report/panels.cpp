#include "experiments/report/panels.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "engine/io/text.h"
#include "experiments/report/full_protocol.h"

namespace cofactor {
namespace {

bool same_rate(double a, double b) {
  return std::abs(a - b) < 1e-9;
}

PanelResults collect(const PaperPanel& panel, const std::vector<const ReportedRun*>& runs) {
  PanelResults results{.panel = &panel, .runs = runs, .points = {}, .methods = panel.methods, .rates = panel.rates};
  std::vector<Result> counted;
  for (const ReportedRun* run : runs) counted.push_back(run->result());
  results.points = aggregate(counted);
  for (const Summary& point : results.points) {
    if (std::ranges::find(results.methods, point.method) == results.methods.end())
      results.methods.push_back(point.method);
    if (std::ranges::none_of(results.rates, [&](double rate) { return same_rate(rate, point.rate); }))
      results.rates.push_back(point.rate);
  }
  std::ranges::sort(results.rates);
  return results;
}

Series our_series(const PanelResults& results, const std::string& method) {
  const MethodLook& look = look_of(method);
  Series ours{upper_case(method), std::string(look.color), look.filled, LineStyle::filled, {}, {}};
  for (const double rate : results.rates) {
    if (const Summary* point = results.at(method, rate)) {
      ours.marks.push_back({rate, point->mean, point->deviation,
                            fmt::format("{}, r = {:g}: {}", upper_case(method), rate, accuracy_text(*point))});
    }
  }
  return ours;
}

Series paper_series(const PanelResults& results, const std::string& method) {
  const MethodLook& look = look_of(method);
  Series paper{upper_case(method) + ", paper", std::string(look.color), look.open, LineStyle::open, {}, {}};
  for (const double rate : results.rates) {
    if (const auto value = paper_value(*results.panel, method, rate)) {
      paper.marks.push_back(
          {rate, *value, 0.0, fmt::format("{} in the paper, r = {:g}: about {:g}", upper_case(method), rate, *value)});
    }
  }
  return paper;
}

Series majority_series(const PanelResults& results) {
  Series majority{"majority label", "#777777", 0, LineStyle::marks, {}, {}};
  std::map<double, double> levels;
  for (const Summary& point : results.points) levels.try_emplace(point.rate, point.majority);
  for (const auto& [rate, accuracy] : levels) {
    majority.marks.push_back(
        {rate, accuracy, 0.0, fmt::format("the most frequent noisy label, r = {:g}: {:.2f}", rate, accuracy)});
  }
  return majority;
}

}  // namespace

const Summary* PanelResults::at(std::string_view method, double rate) const {
  const auto found = std::ranges::find_if(
      points, [&](const Summary& point) { return point.method == method && same_rate(point.rate, rate); });
  return found == points.end() ? nullptr : &*found;
}

std::vector<uint64_t> PanelResults::seeds(std::string_view method, double rate) const {
  std::set<uint64_t> found;
  for (const ReportedRun* run : runs) {
    if (run->result().method == method && same_rate(run->result().rate, rate)) found.insert(run->result().seed);
  }
  return {found.begin(), found.end()};
}

size_t PanelResults::finished() const {
  size_t count = 0;
  for (const std::string& method : panel->methods) {
    for (const double rate : panel->rates)
      count += std::min(seeds(method, rate).size(), static_cast<size_t>(kPaperSeeds));
  }
  return count;
}

PaperResults sort_runs(const LoadedRuns& loaded) {
  PaperResults sorted;
  std::map<const PaperPanel*, std::vector<const ReportedRun*>> counted;
  for (const ReportedRun& run : loaded.runs) {
    const PaperPanel* panel = panel_of(run.result());
    std::string reason = panel == nullptr ? "the paper has no such experiment" : missing_from_protocol(run.result());
    if (reason.empty()) {
      counted[panel].push_back(&run);
    } else {
      sorted.uncounted.push_back({&run, std::move(reason)});
    }
  }
  for (const PaperPanel& panel : paper_panels()) sorted.panels.push_back(collect(panel, counted[&panel]));
  return sorted;
}

std::optional<double> paper_value(const PaperPanel& panel, std::string_view method, double rate) {
  for (const PaperValue& value : paper_values()) {
    if (value.experiment == panel.experiment && value.method == method && same_rate(value.rate, rate))
      return value.accuracy;
  }
  return std::nullopt;
}

std::string accuracy_text(const Summary& point) {
  if (point.seeds == 1) return fmt::format("{:.2f} (n = 1)", point.mean);
  return fmt::format("{:.2f} ± {:.2f} (n = {})", point.mean, point.deviation, point.seeds);
}

Plot panel_plot(const PanelResults& results, std::string name) {
  Plot plot{.name = std::move(name),
            .title = std::string(results.panel->title),
            .x_label = "noise rate r",
            .y_label = "test accuracy (%)",
            .left = -0.03,
            .right = 1.03,
            .widest_gap = 0.1,
            .is_accuracy = true,
            .series = {majority_series(results)}};
  for (const std::string& method : results.methods) plot.series.push_back(paper_series(results, method));
  for (const std::string& method : results.methods) plot.series.push_back(our_series(results, method));
  std::erase_if(plot.series, [](const Series& series) { return series.marks.empty(); });
  return plot;
}

std::vector<std::string> missing_of(const PanelResults& results) {
  if (results.finished() == 0) return {"nothing was run"};
  std::vector<std::string> missing;
  for (const std::string& method : results.panel->methods) {
    std::map<size_t, std::vector<double>> rates;  // by the number of their seeds
    for (const double rate : results.panel->rates) {
      const size_t seeds = results.seeds(method, rate).size();
      if (seeds < kPaperSeeds) rates[seeds].push_back(rate);
    }
    std::vector<std::string> parts;
    for (const auto& [seeds, list] : rates)
      parts.push_back(fmt::format("{} of {} seeds at r = {:g}", seeds, kPaperSeeds, fmt::join(list, ", ")));
    if (!parts.empty()) missing.push_back(fmt::format("{}: {}", method, fmt::join(parts, "; ")));
  }
  return missing;
}

}  // namespace cofactor
