#include "data/noise/surest_samples.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "data/noise/sharpness.h"
#include "engine/error.h"

namespace cofactor {

namespace {

constexpr size_t kFewestSurest = 20;
constexpr int kLeastStrength = -3, kMostStrength = 14;  // powers of two

// Of which probability the surest samples of a class have at least, given all of those predicted to be of it.
float surest_from(std::vector<float>& confidences, double share) {
  const auto wanted = static_cast<size_t>(std::ceil(share * static_cast<double>(confidences.size())));
  const size_t count = std::min(std::max(wanted, kFewestSurest), confidences.size());
  const auto last = confidences.begin() + static_cast<std::ptrdiff_t>(count - 1);
  std::nth_element(confidences.begin(), last, confidences.end(), std::greater<>());
  return *last;
}

// The power of two that makes log_likelihood largest, the first among equals.
double likeliest_strength(const std::function<double(double)>& log_likelihood) {
  double best = 0.0, best_value = -std::numeric_limits<double>::infinity();
  for (int power = kLeastStrength; power <= kMostStrength; ++power) {
    const double strength = std::ldexp(1.0, power), value = log_likelihood(strength);
    if (value > best_value) {
      best = strength;
      best_value = value;
    }
  }
  return best;
}

// log of Gamma(count + weight) / Gamma(weight): one category's factor of the Dirichlet-multinomial likelihood.
double rising(double count, double weight) {
  return count == 0.0 ? 0.0 : std::lgamma(count + weight) - std::lgamma(weight);
}

struct RowTotals {
  std::vector<double> all, wrong;
  double wrong_rate = 0.0;  // of all rows
};

RowTotals totals_of(size_t classes, const std::vector<double>& counts) {
  RowTotals totals{std::vector<double>(classes), std::vector<double>(classes)};
  double all = 0.0, wrong = 0.0;
  for (size_t c = 0; c < classes; ++c) {
    for (size_t y = 0; y < classes; ++y) totals.all[c] += counts[c * classes + y];
    totals.wrong[c] = totals.all[c] - counts[c * classes + c];
    all += totals.all[c];
    wrong += totals.wrong[c];
  }
  check(all > 0.0, "surest transition: no sample is counted");
  totals.wrong_rate = (wrong + 0.5) / (all + 1.0);  // neither 0 nor 1
  return totals;
}

double likeliest_rate_strength(const RowTotals& totals) {
  return likeliest_strength([&](double b) {
    double sum = 0.0;
    for (size_t c = 0; c < totals.all.size(); ++c)
      sum += rising(totals.wrong[c], b * totals.wrong_rate) +
             rising(totals.all[c] - totals.wrong[c], b * (1.0 - totals.wrong_rate)) - rising(totals.all[c], b);
    return sum;
  });
}

double likeliest_pair_strength(const RowTotals& totals, const std::vector<double>& counts) {
  const size_t classes = totals.all.size();
  const auto others = static_cast<double>(classes - 1);
  std::vector<double> wrong_pairs;  // a count of 0 has a factor of 1, and most are 0 where there are many classes
  for (size_t c = 0; c < classes; ++c)
    for (size_t y = 0; y < classes; ++y)
      if (y != c && counts[c * classes + y] > 0.0) wrong_pairs.push_back(counts[c * classes + y]);
  return likeliest_strength([&](double a) {
    double sum = 0.0;
    for (const double wrong : totals.wrong) sum -= rising(wrong, a);
    for (const double count : wrong_pairs) sum += rising(count, a / others);
    return sum;
  });
}

}  // namespace

std::vector<double> surest_label_counts(const LabelledPredictions& predictions, const SurestSamples& surest) {
  check_predictions("surest transition", predictions);
  check(surest.share > 0.0 && surest.share <= 1.0, "surest transition: the share is {}, expected above 0 to 1",
        surest.share);
  const auto classes = static_cast<size_t>(predictions.classes);
  std::vector<float> confidence(static_cast<size_t>(predictions.samples()));
  std::vector<std::vector<float>> of_class(classes);
  // work(i, c) for each labelled sample i and each class c that has its largest probability.
  const auto for_each_prediction = [&](const auto& work) {
    for (int64_t i = 0; i < predictions.samples(); ++i) {
      if (!predictions.has_label(i)) continue;
      const std::span<const float> row = predictions.row(i);
      const float most = *std::ranges::max_element(row);
      for (size_t c = 0; c < classes; ++c)
        if (row[c] == most) work(i, c);
    }
  };
  Sharpener sharpener(surest.sharpness);
  for (int64_t i = 0; i < predictions.samples(); ++i)
    if (predictions.has_label(i))
      confidence[static_cast<size_t>(i)] = std::ranges::max(sharpener.sharpen(predictions.row(i)));
  for_each_prediction([&](int64_t i, size_t c) { of_class[c].push_back(confidence[static_cast<size_t>(i)]); });
  std::vector<float> least(classes);
  for (size_t c = 0; c < classes; ++c)
    if (!of_class[c].empty()) least[c] = surest_from(of_class[c], surest.share);
  std::vector<double> counts(classes * classes);
  for_each_prediction([&](int64_t i, size_t c) {
    if (confidence[static_cast<size_t>(i)] >= least[c])
      counts[c * classes + static_cast<size_t>(predictions.label(i))] += 1.0;
  });
  return counts;
}

Transition shrunk_transition(int64_t class_count, const std::vector<double>& counts) {
  const auto classes = static_cast<size_t>(class_count);
  const RowTotals totals = totals_of(classes, counts);
  if (classes == 1) return Transition::identity(1);
  const double b = likeliest_rate_strength(totals), a = likeliest_pair_strength(totals, counts);
  const auto others = static_cast<double>(classes - 1);
  std::vector<double> values(classes * classes);
  for (size_t c = 0; c < classes; ++c) {
    const double right = totals.all[c] - totals.wrong[c];
    const double stays = (right + b * (1.0 - totals.wrong_rate)) / (totals.all[c] + b);
    for (size_t y = 0; y < classes; ++y)
      values[c * classes + y] =
          y == c ? stays : (1.0 - stays) * (counts[c * classes + y] + a / others) / (totals.wrong[c] + a);
  }
  return Transition::from_weights(class_count, std::move(values));
}

Transition surest_transition(const LabelledPredictions& predictions) {
  return shrunk_transition(predictions.classes, surest_label_counts(predictions));
}

}  // namespace cofactor
