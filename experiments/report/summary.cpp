#include "experiments/report/summary.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "engine/error.h"
#include "experiments/report/collect.h"
#include "experiments/report/full_protocol.h"
#include "experiments/report/paper.h"
#include "experiments/training/run_settings.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

// The place of a name in the order of first appearance.
class FirstSeen {
 public:
  size_t operator()(const std::string& name) {
    const auto found = std::ranges::find(names_, name);
    if (found != names_.end()) return static_cast<size_t>(found - names_.begin());
    names_.push_back(name);
    return names_.size() - 1;
  }

 private:
  std::vector<std::string> names_;
};

// Experiments that the paper does not have lack nothing of it.
std::string missing_from_paper(const Result& result) {
  return panel_of(result) == nullptr ? "" : missing_from_protocol(result);
}

struct Group {
  std::vector<double> accuracies;
  double majority_sum = 0.0;
  bool is_full = true;
  const Result* first = nullptr;
};

Summary summarize(const Group& group) {
  const auto count = static_cast<double>(group.accuracies.size());
  Summary summary{.experiment = group.first->experiment,
                  .noise = group.first->noise,
                  .rate = group.first->rate,
                  .method = group.first->method,
                  .seeds = static_cast<int>(group.accuracies.size()),
                  .is_full = group.is_full,
                  .majority = group.majority_sum / count};
  for (const double accuracy : group.accuracies) summary.mean += accuracy / count;
  double squares = 0.0;
  for (const double accuracy : group.accuracies) squares += (accuracy - summary.mean) * (accuracy - summary.mean);
  if (group.accuracies.size() > 1) summary.deviation = std::sqrt(squares / (count - 1.0));
  return summary;
}

// Whether two results of one experiment were trained or tested on different inputs. Results that do not name their
// inputs count as equal to all.
bool have_different_inputs(const std::vector<Result>& results) {
  std::map<std::string, const Result*> first;
  for (const Result& result : results) {
    if (compare_inputs(result.settings, result.settings) == Inputs::unknown) continue;
    const Result* known = first.try_emplace(result.experiment, &result).first->second;
    if (compare_inputs(known->settings, result.settings) != Inputs::same) return true;
  }
  return false;
}

size_t width_of(const std::vector<Summary>& summaries, const std::string Summary::*column, std::string_view head) {
  size_t width = head.size();
  for (const Summary& summary : summaries) width = std::max(width, (summary.*column).size());
  return width;
}

}  // namespace

std::vector<std::string> drop_partial(std::vector<Result>& results) {
  std::vector<std::string> missing;
  std::set<std::string> with_full;
  for (const Result& result : results) {
    missing.push_back(missing_from_paper(result));
    if (missing.back().empty()) with_full.insert(result.experiment);
  }
  std::vector<std::string> dropped;
  std::vector<Result> kept;
  for (size_t i = 0; i < results.size(); ++i) {
    if (missing[i].empty() || !with_full.contains(results[i].experiment)) {
      kept.push_back(std::move(results[i]));
    } else {
      dropped.push_back(fmt::format("{}: {}; left out", results[i].label(), missing[i]));
    }
  }
  results = std::move(kept);
  return dropped;
}

std::vector<Summary> aggregate(const std::vector<Result>& results) {
  FirstSeen experiments, noises, methods;
  std::map<std::tuple<size_t, size_t, double, size_t>, Group> groups;
  for (const Result& result : results) {
    Group& group = groups[{experiments(result.experiment), noises(result.noise), result.rate, methods(result.method)}];
    if (group.first == nullptr) group.first = &result;
    group.accuracies.push_back(result.test_accuracy);
    group.majority_sum += result.majority_accuracy;
    group.is_full = group.is_full && missing_from_paper(result).empty();
  }
  std::vector<Summary> summaries;
  for (const auto& [key, group] : groups) summaries.push_back(summarize(group));
  return summaries;
}

std::vector<Summary> with_absent(const std::vector<Summary>& summaries) {
  std::vector<Summary> rows;
  for (auto row = summaries.begin(); row != summaries.end();) {
    // The methods of the experiment, in the order of the table.
    FirstSeen place;
    std::vector<std::string> methods;
    for (const Summary& one : summaries) {
      if (one.experiment == row->experiment && place(one.method) == methods.size()) methods.push_back(one.method);
    }
    const Summary first = *row;
    for (const std::string& method : methods) {
      const auto found = std::ranges::find_if(summaries, [&](const Summary& one) {
        return one.experiment == first.experiment && one.noise == first.noise && one.rate == first.rate &&
               one.method == method;
      });
      Summary absent = first;
      absent.method = method;
      absent.seeds = 0;
      absent.mean = absent.deviation = 0.0;
      rows.push_back(found == summaries.end() ? absent : *found);
    }
    while (row != summaries.end() && row->experiment == first.experiment && row->noise == first.noise &&
           row->rate == first.rate) {
      ++row;
    }
  }
  return rows;
}

std::string format_table(const std::vector<Summary>& summaries) {
  if (summaries.empty()) return "no results";
  const size_t experiment = width_of(summaries, &Summary::experiment, "experiment");
  const size_t noise = width_of(summaries, &Summary::noise, "noise");
  const size_t method = width_of(summaries, &Summary::method, "method");
  std::string table = fmt::format("{:<{}}  {:<{}}  {:>5}  {:<{}}  {:>5}  {:>17}  {:>6}", "experiment", experiment,
                                  "noise", noise, "rate", "method", method, "seeds", "test accuracy (%)", "h0 (%)");
  for (const Summary& row : summaries) {
    const std::string accuracy = row.seeds > 1    ? fmt::format("{:.2f} ± {:5.2f}", row.mean, row.deviation)
                                 : row.seeds == 1 ? fmt::format("{:.2f}        ", row.mean)
                                                  : "absent        ";
    table += fmt::format("\n{:<{}}  {:<{}}  {:>5g}  {:<{}}  {:>5}  {:>17}  {:>6.2f}", row.experiment, experiment,
                         row.noise, noise, row.rate, row.method, method, row.seeds, accuracy, row.majority);
  }
  return table +
         "\nmean ± standard deviation over seeds; h0 (the baseline) always predicts the most frequent noisy label";
}

std::vector<Result> read_all_results(const std::vector<fs::path>& paths, std::vector<std::string>& warnings) {
  std::vector<RecordLine> lines;
  for (const RecordLine& line : gather(paths, warnings)) {
    const auto same = std::ranges::find_if(
        lines, [&](const RecordLine& other) { return other.record->result.key() == line.record->result.key(); });
    if (same == lines.end()) {
      lines.push_back(line);
    } else if (const std::string why = difference(same->record->result, line.record->result); !why.empty()) {
      warnings.push_back(fmt::format("{}: {} is also in {}, and {}; the later one counts", line.source,
                                     line.record->result.label(), same->source, why));
      *same = line;
    }
  }
  std::vector<Result> all;
  for (const RecordLine& line : lines) all.push_back(line.record->result);
  if (have_different_inputs(all)) {
    warnings.push_back("the results are of different data or test sets, so their accuracies cannot be compared");
  }
  return all;
}

}  // namespace cofactor
