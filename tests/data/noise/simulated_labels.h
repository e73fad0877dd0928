// Samples whose outputs are exactly calibrated, with true labels, and given ones by a known transition matrix.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "data/noise/label_quality.h"
#include "engine/random.h"

namespace cofactor::testing {

struct SimulatedLabels {
  std::vector<float> probabilities;
  std::vector<int32_t> given, true_class;
  int64_t classes;

  LabelledPredictions view() const { return {probabilities, given, classes}; }
  double wrong() const {
    double count = 0.0;
    for (size_t i = 0; i < given.size(); ++i) count += given[i] != true_class[i];
    return count;
  }
};

// Each sample's distribution r over true classes is the softmax of C normal numbers times `strength`; its class is
// drawn from r, its label from the class's row of `noise`, and the probabilities are r or noise^T r, as `outputs` says.
inline SimulatedLabels simulate_labels(int64_t samples, const Transition& noise, double strength, Outputs outputs,
                                       uint64_t seed) {
  const int64_t classes = noise.classes();
  SimulatedLabels made{{}, {}, {}, classes};
  std::vector<int64_t> positions;
  std::vector<double> r(static_cast<size_t>(classes));
  for (int64_t i = 0; i < samples; ++i) {
    const RandomKey key{seed, Purpose::test, 1, static_cast<uint64_t>(i)};
    double most = -1e9, sum = 0.0;
    for (size_t c = 0; c < r.size(); ++c) most = std::max(most, r[c] = strength * random_normal(key, c));
    for (double& value : r) sum += value = std::exp(value - most);
    for (double& value : r) value /= sum;
    const RandomKey draw{seed, Purpose::test, 2, static_cast<uint64_t>(i)};
    made.true_class.push_back(draw_class(r.data(), classes, static_cast<float>(random_uniform(draw, 0))));
    positions.push_back(i);
    for (int64_t k = 0; k < classes; ++k) {
      double mixed = 0.0;
      for (int64_t c = 0; c < classes; ++c) mixed += r[static_cast<size_t>(c)] * noise.at(c, k);
      made.probabilities.push_back(
          static_cast<float>(outputs == Outputs::true_class ? r[static_cast<size_t>(k)] : mixed));
    }
  }
  made.given = noise.draw_labels(made.true_class, positions, {seed, Purpose::labels});
  return made;
}

// The same samples in another order of classes: class c becomes renamed[c].
inline SimulatedLabels rename_classes(const SimulatedLabels& labels, const std::vector<int32_t>& renamed) {
  SimulatedLabels result = labels;
  const size_t classes = renamed.size();
  for (size_t i = 0; i < labels.given.size(); ++i) {
    result.given[i] = renamed[static_cast<size_t>(labels.given[i])];
    result.true_class[i] = renamed[static_cast<size_t>(labels.true_class[i])];
    for (size_t c = 0; c < classes; ++c)
      result.probabilities[i * classes + static_cast<size_t>(renamed[c])] = labels.probabilities[i * classes + c];
  }
  return result;
}

// The same samples, the last one first.
inline SimulatedLabels reversed(const SimulatedLabels& labels) {
  SimulatedLabels result{{}, {labels.given.rbegin(), labels.given.rend()}, {}, labels.classes};
  result.true_class.assign(labels.true_class.rbegin(), labels.true_class.rend());
  for (int64_t i = std::ssize(labels.given) - 1; i >= 0; --i) {
    const std::span<const float> row = labels.view().row(i);
    result.probabilities.insert(result.probabilities.end(), row.begin(), row.end());
  }
  return result;
}

}  // namespace cofactor::testing
