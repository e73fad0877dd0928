#include "experiments/report/paired.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/report/csv_field.h"
#include "experiments/report/summary.h"
#include "experiments/training/run_settings.h"

namespace cofactor {
namespace {

bool are_of_row(const Result& result, const Summary& row) {
  return result.experiment == row.experiment && result.noise == row.noise && result.rate == row.rate &&
         result.method == row.method;
}

// Results that do not say what they were trained and tested on count as being of the same.
bool have_same_inputs(const Result& a, const Result& b) {
  const Inputs inputs = compare_inputs(a.settings, b.settings);
  return inputs == Inputs::same || inputs == Inputs::unknown;
}

std::vector<double> differences(const std::vector<Result>& results, const Summary& method, const Summary& other) {
  std::vector<double> all;
  for (const Result& one : results) {
    if (!are_of_row(one, method)) continue;
    const auto found = std::ranges::find_if(results, [&](const Result& result) {
      return result.seed == one.seed && are_of_row(result, other) && have_same_inputs(result, one);
    });
    if (found != results.end()) all.push_back(one.test_accuracy - found->test_accuracy);
  }
  return all;
}

PairedDifference paired(const std::vector<double>& differences, const Summary& method, const Summary& other) {
  PairedDifference pair{.experiment = method.experiment,
                        .noise = method.noise,
                        .rate = method.rate,
                        .method = method.method,
                        .other = other.method,
                        .seeds = static_cast<int>(differences.size())};
  if (differences.empty()) return pair;
  const auto count = static_cast<double>(differences.size());
  for (const double difference : differences) pair.mean += difference / count;
  double squares = 0.0;
  for (const double difference : differences) squares += (difference - pair.mean) * (difference - pair.mean);
  if (differences.size() > 1) pair.standard_error = std::sqrt(squares / (count - 1.0) / count);
  return pair;
}

std::string names_of(const PairedDifference& pair) {
  return fmt::format("{} - {}", pair.method, pair.other);
}

std::string value_of(const PairedDifference& pair) {
  if (pair.seeds == 0) return "no common seed      ";
  if (pair.seeds == 1) return fmt::format("{:+.2f}       ", pair.mean);
  return fmt::format("{:+.2f}, {:5.2f}", pair.mean, pair.standard_error);
}

}  // namespace

std::vector<PairedDifference> paired_differences(const std::vector<Result>& results) {
  // The rows of the table come by experiment, noise and rate, with the methods in their order.
  const std::vector<Summary> rows = aggregate(results);
  std::vector<PairedDifference> pairs;
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t j = i + 1; j < rows.size(); ++j) {
      const Summary &other = rows[i], &method = rows[j];
      if (other.experiment != method.experiment || other.noise != method.noise || other.rate != method.rate) continue;
      pairs.push_back(paired(differences(results, method, other), method, other));
    }
  }
  return pairs;
}

std::string format_paired(const std::vector<PairedDifference>& pairs) {
  if (pairs.empty()) return {};
  size_t experiment = std::string_view("experiment").size(), noise = std::string_view("noise").size();
  size_t names = std::string_view("methods").size();
  for (const PairedDifference& pair : pairs) {
    experiment = std::max(experiment, pair.experiment.size());
    noise = std::max(noise, pair.noise.size());
    names = std::max(names, names_of(pair).size());
  }
  std::string table = fmt::format("{:<{}}  {:<{}}  {:>5}  {:<{}}  {:>5}  {:>20}", "experiment", experiment, "noise",
                                  noise, "rate", "methods", names, "seeds", "mean difference, SE");
  for (const PairedDifference& pair : pairs) {
    table += fmt::format("\n{:<{}}  {:<{}}  {:>5g}  {:<{}}  {:>5}  {:>20}", pair.experiment, experiment, pair.noise,
                         noise, pair.rate, names_of(pair), names, pair.seeds, value_of(pair));
  }
  return table + "\nmean difference of test accuracies in points over the seeds that both have, and its standard error";
}

std::string paired_csv(const std::vector<PairedDifference>& pairs) {
  std::string text = "experiment,noise,rate,method,other,seeds,mean_difference,standard_error\n";
  for (const PairedDifference& pair : pairs) {
    text += fmt::format("{},{},{},{},{},{},{},{}\n", csv_field(pair.experiment), csv_field(pair.noise), pair.rate,
                        csv_field(pair.method), csv_field(pair.other), pair.seeds,
                        pair.seeds > 0 ? fmt::format("{:.4f}", pair.mean) : "",
                        pair.seeds > 1 ? fmt::format("{:.4f}", pair.standard_error) : "");
  }
  return text;
}

}  // namespace cofactor
