#include "data/noise/wrong_labels.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "data/noise/sharpness.h"
#include "data/noise/surest_samples.h"
#include "engine/error.h"
#include "engine/random.h"

namespace cofactor {

namespace {

constexpr int kFewestDraws = 20;
constexpr int64_t kMostJudgedAgain = 2000, kMostJudgedPerDraw = 500;
constexpr double kNormalQuantile = 1.96;  // of a two-sided 95%
constexpr double kLeastEstimate = 0.5;
constexpr std::array<double, 2> kOtherShares{0.1, 0.4};  // beside the fifth of surest_label_counts

// At most that many of the labelled samples, evenly spaced.
std::vector<int64_t> some_labelled(const LabelledPredictions& predictions, int64_t most) {
  std::vector<int64_t> labelled;
  for (int64_t i = 0; i < predictions.samples(); ++i)
    if (predictions.has_label(i)) labelled.push_back(i);
  const int64_t count = std::min(most, std::ssize(labelled));
  std::vector<int64_t> chosen;
  for (int64_t j = 0; j < count; ++j) chosen.push_back(labelled[static_cast<size_t>(j * std::ssize(labelled) / count)]);
  return chosen;
}

struct WrongShares {
  double by_quality = 0.0, before_label = 0.0;  // means over samples
};

WrongShares mean_wrong(const LabelledPredictions& predictions, const std::vector<int64_t>& samples,
                       const Transition& transition, Outputs outputs, double sharpness = 1.0) {
  TrueClassPosterior posterior(transition, outputs);
  Sharpener sharpener(sharpness);
  WrongShares shares;
  for (const int64_t i : samples) {
    posterior.compute(sharpener.sharpen(predictions.row(i)), predictions.label(i));
    shares.by_quality += 1.0 - posterior.of_label();
    shares.before_label += posterior.wrong_before_label();
  }
  const auto count = static_cast<double>(samples.size());
  return {shares.by_quality / count, shares.before_label / count};
}

// As many labels for each class as counts has, drawn from that row of it.
std::vector<double> drawn_again(const std::vector<double>& counts, size_t classes, uint64_t seed, uint32_t draw) {
  std::vector<double> drawn(counts.size());
  std::vector<double> sums;
  std::vector<size_t> entries;
  for (size_t c = 0; c < classes; ++c) {
    sums.clear();
    entries.clear();
    double sum = 0.0;
    for (size_t entry = c * classes; entry < (c + 1) * classes; ++entry) {
      if (counts[entry] == 0.0) continue;
      sums.push_back(sum += counts[entry]);
      entries.push_back(entry);
    }
    const RandomKey key{seed, Purpose::bootstrap, draw, c};
    for (uint64_t i = 0; i < static_cast<uint64_t>(sum); ++i)
      ++drawn[entries[static_cast<size_t>(std::ranges::upper_bound(sums, random_uniform(key, i) * sum) -
                                          sums.begin())]];
  }
  return drawn;
}

// Of the share of wrong labels, over matrices from labels drawn again.
double variance_of_draws(const LabelledPredictions& predictions, const std::vector<double>& surest,
                         const WrongLabelOptions& options) {
  const std::vector<int64_t> samples = some_labelled(predictions, kMostJudgedPerDraw);
  double mean = 0.0, squares = 0.0;  // Welford 1962
  for (int draw = 0; draw < options.draws; ++draw) {
    const Transition again = shrunk_transition(
        predictions.classes,
        drawn_again(surest, static_cast<size_t>(predictions.classes), options.seed, static_cast<uint32_t>(draw)));
    const double share = mean_wrong(predictions, samples, again, options.outputs).by_quality;
    const double change = share - mean;
    mean += change / (draw + 1);
    squares += change * (share - mean);
  }
  return squares / (options.draws - 1);
}

// The first is that of the count itself.
std::vector<WrongShares> independent_estimates(const LabelledPredictions& predictions, const Transition& transition,
                                               Outputs outputs) {
  const std::vector<int64_t> samples = some_labelled(predictions, kMostJudgedAgain);
  std::vector<Transition> matrices{transition};
  for (const double share : kOtherShares)
    matrices.push_back(shrunk_transition(predictions.classes, surest_label_counts(predictions, share)));
  std::vector<WrongShares> estimates;
  for (const double sharpness : {1.0, likeliest_sharpness(predictions, samples, transition, outputs)})
    for (const Transition& matrix : matrices)
      estimates.push_back(mean_wrong(predictions, samples, matrix, outputs, sharpness));
  return estimates;
}

}  // namespace

WrongLabels count_wrong_labels(const LabelledPredictions& predictions, const std::vector<double>& surest,
                               const Transition& transition, const std::vector<float>& quality,
                               const WrongLabelOptions& options) {
  check(options.draws >= kFewestDraws, "label errors: {} draws for the interval, expected {} or more", options.draws,
        kFewestDraws);
  check(quality.size() == predictions.labels.size(), "label errors: {} qualities for {} samples", quality.size(),
        predictions.samples());
  double labelled = 0.0, count = 0.0, variance = 0.0;
  for (const float of_sample : quality) {
    if (of_sample == kNoQuality) continue;
    const auto right = static_cast<double>(of_sample);
    labelled += 1.0;
    count += 1.0 - right;
    variance += right * (1.0 - right);
  }
  const std::vector<WrongShares> estimates = independent_estimates(predictions, transition, options.outputs);
  // The samples judged again differ from all of them by as much as the first estimate differs from the count.
  const auto number = [&](double share) {
    return std::max(count + labelled * (share - estimates[0].by_quality), kLeastEstimate);
  };
  double log_sum = 0.0, least = labelled, most = kLeastEstimate;
  for (const WrongShares& shares : estimates) {
    log_sum += std::log(number(shares.by_quality));
    for (const double estimate : {number(shares.by_quality), number(shares.before_label)}) {
      least = std::min(least, estimate);
      most = std::max(most, estimate);
    }
  }
  const double middle = std::exp(log_sum / static_cast<double>(estimates.size()));
  const double sampling =
      kNormalQuantile * std::sqrt(variance + labelled * labelled * variance_of_draws(predictions, surest, options));
  const double below = std::hypot(sampling, middle - middle * least / most);
  const double above = std::hypot(sampling, middle * most / least - middle);
  return {count, std::clamp(middle - below, 0.0, count), std::clamp(middle + above, count, labelled)};
}

}  // namespace cofactor
