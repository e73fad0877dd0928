// Batches with labels and random logits, for the tests of losses.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/gradient_check.h"

namespace cofactor::testing {

// 0, 1, .. classes - 1, 0, 1, ..: every class has a sample where count >= classes.
inline std::vector<int32_t> cycling_labels(int64_t count, int64_t classes) {
  std::vector<int32_t> labels(static_cast<size_t>(count));
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int32_t>(static_cast<int64_t>(i) % classes);
  return labels;
}

inline Tensor label_tensor(const std::vector<int32_t>& labels, Device device = Device::reference) {
  return Tensor::from(labels, {static_cast<int64_t>(labels.size())}, device);
}

// Logits uniform in [-1, 1), `lift` higher at the label: a classifier that is informative, but not sure.
template <class T = double>
std::vector<T> informative_logits(const std::vector<int32_t>& labels, int64_t classes, double lift, uint32_t index) {
  std::vector<T> logits = random_values<T>(static_cast<int64_t>(labels.size()) * classes, index);
  for (size_t i = 0; i < labels.size(); ++i)
    logits[i * static_cast<size_t>(classes) + static_cast<size_t>(labels[i])] += static_cast<T>(lift);
  return logits;
}

// The same as an f64 tensor (N, C) on the reference backend.
inline Tensor informative_tensor(const std::vector<int32_t>& labels, int64_t classes, double lift, uint32_t index) {
  return Tensor::from(informative_logits(labels, classes, lift, index), {static_cast<int64_t>(labels.size()), classes},
                      Device::reference);
}

// softmax of each row, in plain loops.
inline std::vector<double> softmax_rows(const std::vector<double>& logits, size_t classes) {
  std::vector<double> p(logits.size());
  for (size_t row = 0; row < logits.size(); row += classes) {
    double total = 0.0;
    for (size_t c = 0; c < classes; ++c) total += std::exp(logits[row + c]);
    for (size_t c = 0; c < classes; ++c) p[row + c] = std::exp(logits[row + c]) / total;
  }
  return p;
}

// The gradient of loss(logits) by the logits, by backward.
template <class T, class F>
std::vector<T> gradient_by_logits(F&& loss, const Tensor& logits) {
  Tensor leaf = logits.clone();
  leaf.set_requires_grad(true);
  backward(loss(leaf));
  return leaf.grad().template to_vector<T>();
}

// The largest |a - b|, relative to the largest |b|.
template <class A, class B>
double largest_difference(const std::vector<A>& a, const std::vector<B>& b) {
  REQUIRE(a.size() == b.size());
  double difference = 0.0, scale = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double gap = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    difference = std::isnan(gap) ? INFINITY : std::max(difference, gap);
    scale = std::max(scale, std::abs(static_cast<double>(b[i])));
  }
  return scale > 0.0 ? difference / scale : difference;
}

}  // namespace cofactor::testing
