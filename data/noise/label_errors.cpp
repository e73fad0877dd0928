#include "data/noise/label_errors.h"

#include <algorithm>
#include <cmath>

#include "data/noise/surest_samples.h"
#include "engine/error.h"
#include "engine/random.h"

namespace cofactor {

namespace {

constexpr int kFewestDraws = 20;
constexpr int64_t kMostJudgedAgain = 2000;
constexpr double kTail = 0.025;

// The labelled samples that every draw judges again.
std::vector<int64_t> judged_again(const LabelledPredictions& predictions) {
  std::vector<int64_t> labelled;
  for (int64_t i = 0; i < predictions.samples(); ++i)
    if (predictions.has_label(i)) labelled.push_back(i);
  const int64_t count = std::min(kMostJudgedAgain, std::ssize(labelled));
  std::vector<int64_t> chosen;
  for (int64_t j = 0; j < count; ++j) chosen.push_back(labelled[static_cast<size_t>(j * std::ssize(labelled) / count)]);
  return chosen;
}

double mean_wrong(const LabelledPredictions& predictions, const std::vector<int64_t>& samples,
                  const Transition& transition, Outputs outputs) {
  TrueClassPosterior posterior(transition, outputs);
  double sum = 0.0;
  for (const int64_t i : samples) {
    posterior.compute(predictions.row(i), predictions.label(i));
    sum += 1.0 - posterior.of_label();
  }
  return sum / static_cast<double>(samples.size());
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

double percentile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

WrongLabels count_wrong_labels(const LabelledPredictions& predictions, const std::vector<double>& surest,
                               const LabelErrors& found, const LabelErrorOptions& options) {
  WrongLabels wrong;
  double labelled = 0.0, variance = 0.0;
  for (const float quality : found.judgement.quality) {
    if (quality == kNoQuality) continue;
    const auto right = static_cast<double>(quality);
    labelled += 1.0;
    wrong.count += 1.0 - right;
    variance += right * (1.0 - right);
  }
  const std::vector<int64_t> samples = judged_again(predictions);
  const double estimate = mean_wrong(predictions, samples, found.transition, options.outputs);
  std::vector<double> draws;
  for (int draw = 0; draw < options.draws; ++draw) {
    const auto index = static_cast<uint32_t>(draw);
    const Transition again = shrunk_transition(
        predictions.classes, drawn_again(surest, static_cast<size_t>(predictions.classes), options.seed, index));
    const double change = mean_wrong(predictions, samples, again, options.outputs) - estimate;
    const RandomKey key{options.seed, Purpose::bootstrap, index, static_cast<uint64_t>(predictions.classes)};
    draws.push_back(labelled * change + std::sqrt(variance) * random_normal(key, 0));
  }
  std::ranges::sort(draws);
  // The estimate is to the truth as the draws are to the estimate: where draws are too low, so is it.
  wrong.low = std::clamp(wrong.count - percentile(draws, 1.0 - kTail), 0.0, labelled);
  wrong.high = std::clamp(wrong.count - percentile(draws, kTail), 0.0, labelled);
  return wrong;
}

}  // namespace

LabelErrors find_label_errors(const LabelledPredictions& predictions, const LabelErrorOptions& options) {
  check(options.draws >= kFewestDraws, "label errors: {} draws for the interval, expected {} or more", options.draws,
        kFewestDraws);
  const std::vector<double> surest = surest_label_counts(predictions);
  Transition transition = shrunk_transition(predictions.classes, surest);
  LabelJudgement judgement = judge_labels(predictions, transition, options.outputs);
  LabelErrors errors{std::move(transition), std::move(judgement), {}, {}};
  errors.wrong = count_wrong_labels(predictions, surest, errors, options);
  errors.suspect = suspect_labels(predictions, errors.judgement.joint, errors.judgement.quality, options.rule);
  return errors;
}

}  // namespace cofactor
