#include "experiments/report/summary.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/error.h"
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

struct Group {
  std::vector<double> accuracies;
  double majority_sum = 0.0;
  const Result* first = nullptr;
};

Summary summarize(const Group& group) {
  const auto count = static_cast<double>(group.accuracies.size());
  Summary summary{.experiment = group.first->experiment,
                  .noise = group.first->noise,
                  .rate = group.first->rate,
                  .method = group.first->method,
                  .seeds = static_cast<int>(group.accuracies.size()),
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

std::vector<Summary> aggregate(const std::vector<Result>& results) {
  FirstSeen experiments, noises, methods;
  std::map<std::tuple<size_t, size_t, double, size_t>, Group> groups;
  for (const Result& result : results) {
    Group& group = groups[{experiments(result.experiment), noises(result.noise), result.rate, methods(result.method)}];
    if (group.first == nullptr) group.first = &result;
    group.accuracies.push_back(result.test_accuracy);
    group.majority_sum += result.majority_accuracy;
  }
  std::vector<Summary> summaries;
  for (const auto& [key, group] : groups) summaries.push_back(summarize(group));
  return summaries;
}

std::string format_table(const std::vector<Summary>& summaries) {
  if (summaries.empty()) return "no results";
  const size_t experiment = width_of(summaries, &Summary::experiment, "experiment");
  const size_t noise = width_of(summaries, &Summary::noise, "noise");
  const size_t method = width_of(summaries, &Summary::method, "method");
  std::string table = fmt::format("{:<{}}  {:<{}}  {:>5}  {:<{}}  {:>5}  {:>17}  {:>6}", "experiment", experiment,
                                  "noise", noise, "rate", "method", method, "seeds", "test accuracy (%)", "h0 (%)");
  for (const Summary& row : summaries) {
    const std::string accuracy = row.seeds > 1 ? fmt::format("{:.2f} ± {:5.2f}", row.mean, row.deviation)
                                               : fmt::format("{:.2f}        ", row.mean);
    table += fmt::format("\n{:<{}}  {:<{}}  {:>5g}  {:<{}}  {:>5}  {:>17}  {:>6.2f}", row.experiment, experiment,
                         row.noise, noise, row.rate, row.method, method, row.seeds, accuracy, row.majority);
  }
  return table +
         "\nmean ± standard deviation over seeds; h0 (the baseline) always predicts the most frequent noisy label";
}

std::vector<Result> read_all_results(const std::vector<fs::path>& paths, std::vector<std::string>& warnings) {
  std::vector<Result> all;
  for (const fs::path& path : paths) {
    const fs::path file = fs::is_directory(path) ? path / "results.jsonl" : path;
    ResultsFile results = read_results(file);
    if (!results.cut_short.empty()) warnings.push_back(results.cut_short);
    std::vector<Result> newest = newest_of(results.results);
    if (have_different_inputs(newest)) {
      warnings.push_back(fmt::format(
          "{}: its results are of different data or test sets, so their accuracies cannot be compared", file.string()));
    }
    for (Result& result : newest) {
      for (const Result& other : all) {
        check(other.key() != result.key(), "{}: {} is in another of the files too", file.string(), result.label());
      }
      all.push_back(std::move(result));
    }
  }
  return all;
}

}  // namespace cofactor
