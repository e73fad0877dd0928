#include "data/noise/label_suspects.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/error.h"

namespace cofactor {

namespace {

std::vector<std::vector<int64_t>> samples_by_label(const LabelledPredictions& predictions) {
  std::vector<std::vector<int64_t>> samples(static_cast<size_t>(predictions.classes));
  for (int64_t i = 0; i < predictions.samples(); ++i)
    if (predictions.has_label(i)) samples[static_cast<size_t>(predictions.label(i))].push_back(i);
  return samples;
}

// `total` in whole numbers, in proportion to `shares`, by the largest remainders.
std::vector<int64_t> shared_out(const std::vector<double>& shares, int64_t total) {
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  std::vector<int64_t> counts(shares.size());
  if (total == 0 || sum == 0.0) return counts;
  std::vector<double> remainders(shares.size());
  int64_t left = total;
  for (size_t c = 0; c < shares.size(); ++c) {
    const double exact = shares[c] / sum * static_cast<double>(total);
    counts[c] = static_cast<int64_t>(exact);
    remainders[c] = exact - static_cast<double>(counts[c]);
    left -= counts[c];
  }
  std::vector<size_t> order(shares.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return remainders[a] > remainders[b]; });
  for (size_t i = 0; i < order.size() && left > 0; ++i, --left) ++counts[order[i]];
  return counts;
}

// Marks the `count` samples with the lowest keys.
template <class Key>
void mark_lowest(std::vector<int64_t> samples, int64_t count, const Key& key, std::vector<uint8_t>& marks) {
  const auto end = samples.begin() + std::min(count, static_cast<int64_t>(samples.size()));
  const auto before = [&](int64_t a, int64_t b) {
    const float key_a = key(a), key_b = key(b);
    return key_a != key_b ? key_a < key_b : a < b;
  };
  if (end != samples.end()) std::nth_element(samples.begin(), end, samples.end(), before);
  for (auto sample = samples.begin(); sample != end; ++sample) marks[static_cast<size_t>(*sample)] = 1;
}

void check_quality(const LabelledPredictions& predictions, const std::vector<float>& quality) {
  check(quality.size() == predictions.labels.size(), "suspect labels: {} qualities for {} samples", quality.size(),
        predictions.samples());
  for (int64_t i = 0; i < predictions.samples(); ++i) {
    const float value = quality[static_cast<size_t>(i)];
    check(!predictions.has_label(i) || (value >= 0.0f && value <= 1.0f),
          "suspect labels: the quality of sample {} is {}, expected 0 to 1", i, value);
  }
}

}  // namespace

std::vector<int64_t> wrong_label_counts(const LabelledPredictions& predictions, const LabelJoint& joint) {
  check_predictions("suspect labels", predictions);
  check(joint.classes() == predictions.classes, "suspect labels: the joint has {} classes, the predictions have {}",
        joint.classes(), predictions.classes);
  const std::vector<std::vector<int64_t>> samples = samples_by_label(predictions);
  const auto classes = static_cast<size_t>(predictions.classes);
  double labelled = 0.0;
  for (const std::vector<int64_t>& of_class : samples) labelled += static_cast<double>(of_class.size());
  std::vector<int64_t> counts;
  for (size_t y = 0; y < classes; ++y) {
    std::vector<double> shares(joint.values().begin() + static_cast<std::ptrdiff_t>(y * classes),
                               joint.values().begin() + static_cast<std::ptrdiff_t>((y + 1) * classes));
    shares[y] = 0.0;
    const auto total = std::llround(labelled * std::accumulate(shares.begin(), shares.end(), 0.0));
    const std::vector<int64_t> row = shared_out(shares, std::min<int64_t>(total, std::ssize(samples[y])));
    counts.insert(counts.end(), row.begin(), row.end());
  }
  return counts;
}

std::vector<uint8_t> suspect_labels(const LabelledPredictions& predictions, const LabelJoint& joint,
                                    const std::vector<float>& quality, SuspectRule rule) {
  const std::vector<int64_t> counts = wrong_label_counts(predictions, joint);
  check_quality(predictions, quality);
  const std::vector<std::vector<int64_t>> samples = samples_by_label(predictions);
  const auto classes = static_cast<size_t>(predictions.classes);
  std::vector<uint8_t> by_class(quality.size()), by_pair(quality.size());
  for (size_t y = 0; y < classes; ++y) {
    const auto row = counts.begin() + static_cast<std::ptrdiff_t>(y * classes);
    const int64_t total = std::accumulate(row, row + predictions.classes, int64_t{0});
    if (total == 0) continue;
    if (rule != SuspectRule::by_pair)
      mark_lowest(
          samples[y], total, [&](int64_t i) { return quality[static_cast<size_t>(i)]; }, by_class);
    if (rule == SuspectRule::by_class) continue;
    for (size_t c = 0; c < classes; ++c)
      if (counts[y * classes + c] > 0)
        mark_lowest(
            samples[y], counts[y * classes + c],
            [&](int64_t i) { return predictions.row(i)[y] - predictions.row(i)[c]; }, by_pair);
  }
  if (rule == SuspectRule::by_class) return by_class;
  if (rule == SuspectRule::both)
    for (size_t i = 0; i < by_pair.size(); ++i) by_pair[i] = by_pair[i] & by_class[i];
  return by_pair;
}

}  // namespace cofactor
