#include "data/noise/surest_samples.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "engine/error.h"

namespace cofactor {

namespace {

constexpr size_t kFewestSurest = 20;
constexpr double kLargestShare = 0.2;
constexpr double kSignificant = 2.0;                    // standard deviations
constexpr int kLeastStrength = -3, kMostStrength = 14;  // powers of two

// The samples predicted to be of one class, and how sure it is beside another class.
class PredictedSamples {
 public:
  PredictedSamples(const LabelledPredictions& predictions, const std::vector<int64_t>& samples, double share)
      : predictions_(predictions), samples_(samples), ratios_(samples.size()), sorted_(samples.size()) {
    const auto wanted = static_cast<size_t>(std::ceil(share * static_cast<double>(samples.size())));
    surest_ = std::min(std::max(wanted, kFewestSurest), samples.size());
  }

  struct PairLabels {
    double right = 0.0, wrong = 0.0;
  };
  // How many of the surest are labelled with the class predicted, and with the other. There is a sample.
  PairLabels labels(size_t predicted, size_t other) {
    for (size_t i = 0; i < samples_.size(); ++i) {
      const std::span<const float> row = predictions_.row(samples_[i]);
      ratios_[i] = row[other] / row[predicted];
    }
    sorted_ = ratios_;
    const auto last = sorted_.begin() + static_cast<std::ptrdiff_t>(surest_ - 1);
    std::nth_element(sorted_.begin(), last, sorted_.end());
    PairLabels labels;
    for (size_t i = 0; i < samples_.size(); ++i) {
      if (ratios_[i] > *last) continue;
      const auto label = static_cast<size_t>(predictions_.label(samples_[i]));
      labels.right += label == predicted ? 1.0 : 0.0;
      labels.wrong += label == other ? 1.0 : 0.0;
    }
    return labels;
  }

 private:
  const LabelledPredictions& predictions_;
  const std::vector<int64_t>& samples_;
  std::vector<float> ratios_, sorted_;  // the other class's probability, divided by that of the predicted one
  size_t surest_ = 0;
};

// For each class, the labelled samples of which it has the largest probability.
std::vector<std::vector<int64_t>> samples_by_prediction(const LabelledPredictions& predictions) {
  std::vector<std::vector<int64_t>> of_class(static_cast<size_t>(predictions.classes));
  for (int64_t i = 0; i < predictions.samples(); ++i) {
    if (!predictions.has_label(i)) continue;
    const std::span<const float> row = predictions.row(i);
    const float most = std::ranges::max(row);
    for (size_t c = 0; c < row.size(); ++c)
      if (row[c] == most) of_class[c].push_back(i);
  }
  return of_class;
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

std::vector<double> surest_label_counts(const LabelledPredictions& predictions, double share) {
  check_predictions("surest transition", predictions);
  check(share > 0.0 && share <= 1.0, "surest transition: the share is {}, expected above 0 to 1", share);
  const std::vector<std::vector<int64_t>> of_class = samples_by_prediction(predictions);
  const size_t classes = of_class.size();
  std::vector<double> counts(classes * classes);
  std::vector<PredictedSamples::PairLabels> pairs(classes);
  for (size_t c = 0; c < classes; ++c) {
    if (of_class[c].empty()) continue;
    PredictedSamples samples(predictions, of_class[c], share);
    double right = classes == 1 ? static_cast<double>(of_class[c].size()) : 0.0;
    for (size_t y = 0; y < classes; ++y) {
      if (y == c) continue;
      pairs[y] = samples.labels(c, y);
      right += pairs[y].right / static_cast<double>(classes - 1);
    }
    for (size_t y = 0; y < classes; ++y)
      counts[c * classes + y] = y == c ? right : pairs[y].wrong * (right + 0.5) / (pairs[y].right + 0.5);
  }
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
