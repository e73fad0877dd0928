#include "data/noise/label_joint.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace cofactor {

namespace {

constexpr double kThresholdTolerance = 1e-6;  // the mean of equal numbers may be rounded up
constexpr float kNegligible = 1e-6f;
constexpr double kMaxAmplificationOfOverlap = 1e3;

// The mean probability of class c among the samples labelled c; infinity where there are none.
std::vector<double> confidence_thresholds(const LabelledPredictions& predictions) {
  const auto classes = static_cast<size_t>(predictions.classes);
  std::vector<double> sums(classes), counts(classes);
  for (int64_t i = 0; i < predictions.samples(); ++i) {
    if (!predictions.has_label(i)) continue;
    const auto label = static_cast<size_t>(predictions.label(i));
    sums[label] += static_cast<double>(predictions.row(i)[label]);
    counts[label] += 1.0;
  }
  for (size_t c = 0; c < classes; ++c)
    sums[c] = counts[c] > 0.0 ? sums[c] / counts[c] - kThresholdTolerance : std::numeric_limits<double>::infinity();
  return sums;
}

// The most probable class among those that reach their threshold; -1 where none does.
int64_t confident_class(std::span<const float> row, const std::vector<double>& thresholds) {
  int64_t best = -1;
  for (size_t c = 0; c < row.size(); ++c)
    if (static_cast<double>(row[c]) >= thresholds[c] && (best < 0 || row[c] > row[static_cast<size_t>(best)]))
      best = static_cast<int64_t>(c);
  return best;
}

// S = mean of p p^T over the labelled samples, each row divided by its sum, which is the mean of p.
Transition overlap_of_classes(const LabelledPredictions& predictions) {
  const auto classes = static_cast<size_t>(predictions.classes);
  std::vector<double> products(classes * classes);
  std::vector<size_t> present;
  for (int64_t i = 0; i < predictions.samples(); ++i) {
    if (!predictions.has_label(i)) continue;
    const std::span<const float> row = predictions.row(i);
    present.clear();
    for (size_t c = 0; c < classes; ++c)
      if (row[c] >= kNegligible) present.push_back(c);
    for (const size_t c : present)
      for (const size_t k : present)
        products[c * classes + k] += static_cast<double>(row[c]) * static_cast<double>(row[k]);
  }
  for (size_t c = 0; c < classes; ++c)
    check(products[c * classes + c] > 0.0,
          "joint of calibrated outputs: no labelled sample has a probability of class {} of {:g} or more", c,
          kNegligible);
  return Transition::from_weights(predictions.classes, std::move(products));
}

}  // namespace

LabelJoint::LabelJoint(int64_t classes, std::vector<double> weights) : classes_(classes), values_(std::move(weights)) {
  check(classes >= 1 && classes <= INT32_MAX && static_cast<int64_t>(values_.size()) == classes * classes,
        "label joint: {} values for {} classes, expected classes * classes", values_.size(), classes);
  for (size_t i = 0; i < values_.size(); ++i)
    check(values_[i] >= 0.0 && std::isfinite(values_[i]), "label joint: entry ({}, {}) is {}, expected 0 or more",
          i / static_cast<size_t>(classes), i % static_cast<size_t>(classes), values_[i]);
  const double sum = std::accumulate(values_.begin(), values_.end(), 0.0);
  check(sum > 0.0 && std::isfinite(sum), "label joint: the entries sum to {}", sum);
  for (double& value : values_) value /= sum;
}

std::vector<double> LabelJoint::prior() const {
  std::vector<double> prior(static_cast<size_t>(classes_));
  for (int64_t y = 0; y < classes_; ++y)
    for (int64_t c = 0; c < classes_; ++c) prior[static_cast<size_t>(c)] += at(y, c);
  return prior;
}

Transition LabelJoint::transition() const {
  const std::vector<double> of_class = prior();
  std::vector<double> weights(values_.size());
  for (int64_t c = 0; c < classes_; ++c)
    for (int64_t y = 0; y < classes_; ++y)
      weights[static_cast<size_t>(c * classes_ + y)] =
          of_class[static_cast<size_t>(c)] > 0.0 ? at(y, c) : (y == c ? 1.0 : 0.0);
  return Transition::from_weights(classes_, std::move(weights));
}

double LabelJoint::wrong_share() const {
  double wrong = 0.0;
  for (int64_t y = 0; y < classes_; ++y)
    for (int64_t c = 0; c < classes_; ++c) wrong += y == c ? 0.0 : at(y, c);
  return wrong;
}

std::vector<double> joint_of_outputs_and_labels(const LabelledPredictions& predictions) {
  check_predictions("joint of outputs and labels", predictions);
  const auto classes = static_cast<size_t>(predictions.classes);
  std::vector<double> by_label(classes * classes);  // row y: consecutive memory for each sample
  double total = 0.0;
  for (int64_t i = 0; i < predictions.samples(); ++i) {
    if (!predictions.has_label(i)) continue;
    const std::span<const float> row = predictions.row(i);
    const double sum = std::accumulate(row.begin(), row.end(), 0.0);
    double* into = by_label.data() + static_cast<size_t>(predictions.label(i)) * classes;
    for (size_t c = 0; c < classes; ++c) into[c] += static_cast<double>(row[c]) / sum;
    total += 1.0;
  }
  std::vector<double> joint(classes * classes);
  for (size_t y = 0; y < classes; ++y)
    for (size_t c = 0; c < classes; ++c) joint[c * classes + y] = by_label[y * classes + c] / total;
  return joint;
}

LabelJoint confident_joint(const LabelledPredictions& predictions) {
  check_predictions("confident joint", predictions);
  const std::vector<double> thresholds = confidence_thresholds(predictions);
  const auto classes = static_cast<size_t>(predictions.classes);
  std::vector<double> counts(classes * classes), labelled(classes);
  for (int64_t i = 0; i < predictions.samples(); ++i) {
    if (!predictions.has_label(i)) continue;
    const auto label = static_cast<size_t>(predictions.label(i));
    labelled[label] += 1.0;
    const int64_t confident = confident_class(predictions.row(i), thresholds);
    if (confident >= 0) counts[label * classes + static_cast<size_t>(confident)] += 1.0;
  }
  for (size_t y = 0; y < classes; ++y) {
    const auto row = counts.begin() + static_cast<std::ptrdiff_t>(y * classes);
    const double sum = std::accumulate(row, row + predictions.classes, 0.0);
    if (sum == 0.0) continue;  // no label y: of the samples with one, the surest reaches the mean
    for (auto entry = row; entry != row + predictions.classes; ++entry) *entry *= labelled[y] / sum;
  }
  return {predictions.classes, std::move(counts)};
}

LabelJoint joint_of_perfect_outputs(const LabelledPredictions& predictions) {
  const std::vector<double> u = joint_of_outputs_and_labels(predictions);
  const auto classes = static_cast<size_t>(predictions.classes);
  std::vector<double> joint(u.size());
  for (size_t c = 0; c < classes; ++c)
    for (size_t y = 0; y < classes; ++y) joint[y * classes + c] = u[c * classes + y];
  return {predictions.classes, std::move(joint)};
}

CalibratedJoint joint_of_calibrated_outputs(const LabelledPredictions& predictions) {
  const std::vector<double> u = joint_of_outputs_and_labels(predictions);
  const Transition overlap = overlap_of_classes(predictions);
  // K = diag(prior)^-1 S and A = diag(prior)^-1 U are row-stochastic, and T = S^-1 U = K^-1 A.
  const std::vector<double> inverse =
      overlap.inverse("joint of calibrated outputs (overlap of the classes)", kMaxAmplificationOfOverlap);
  const Transition outputs = Transition::from_weights(predictions.classes, u);
  const auto classes = static_cast<size_t>(predictions.classes);
  std::vector<double> prior(classes), joint(u.size());
  for (size_t c = 0; c < classes; ++c)
    prior[c] = std::accumulate(u.begin() + static_cast<std::ptrdiff_t>(c * classes),
                               u.begin() + static_cast<std::ptrdiff_t>((c + 1) * classes), 0.0);
  double clipped = 0.0;
  std::vector<double> row(classes);
  for (size_t c = 0; c < classes; ++c) {
    std::ranges::fill(row, 0.0);
    for (size_t k = 0; k < classes; ++k)
      for (size_t y = 0; y < classes; ++y) row[y] += inverse[c * classes + k] * outputs.values()[k * classes + y];
    double sum = 0.0;
    for (double& entry : row) {
      clipped += std::max(-entry, 0.0);
      sum += entry = std::max(entry, 0.0);
    }
    for (size_t y = 0; y < classes; ++y) joint[y * classes + c] = prior[c] * row[y] / sum;
  }
  return {{predictions.classes, std::move(joint)}, clipped / static_cast<double>(classes)};
}

}  // namespace cofactor
