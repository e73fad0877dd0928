// Label noise as the losses see it: T(c, y) = Pr[noisy label y | true class c] (paper, section 3.1), given by the user
// or estimated from a network's outputs.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/tensor.h"

namespace cofactor {

// A row-stochastic C x C matrix.
class Transition {
 public:
  // values: row-major, row c the distribution of the labels of class c. Throws Error unless they are classes * classes
  // numbers in [0, 1] whose rows sum to 1 within 1e-6, with at least 2 classes.
  Transition(int64_t classes, std::vector<double> values);

  int64_t classes() const { return classes_; }
  double at(int64_t from, int64_t to) const { return values_[static_cast<size_t>(from * classes_ + to)]; }
  const std::vector<double>& values() const { return values_; }

  bool operator==(const Transition&) const = default;

 private:
  int64_t classes_;
  std::vector<double> values_;
};

// The inverse, row-major. Throws Error, naming `loss` and the two rows that are most alike, where T is singular, or so
// nearly that some row of the inverse has absolute values summing to more than `most_amplification`: by that factor
// it enlarges an error in what it is applied to.
std::vector<double> inverse(std::string_view loss, const Transition& transition, double most_amplification);

// Row c is the softmax output of the sample that the network gives the highest probability of class c (Patrini et al.
// 2017, Theorem 3): if some sample is certainly of class c, then its noisy posterior is row c of T.
// logits (N, C), f32 or f64, of the training samples. Throws Error where an output is not finite, where class c is
// unreachable (no sample has a probability of at least 0.01 / C), and where rows are so alike that T is singular or
// amplifies by more than 1000.
Transition estimate_transition(std::string_view loss, const Tensor& logits);

// A saved matrix: (C, C) in f64. Throws Error, naming `loss`, for another shape or dtype or values that are none.
Transition transition_of(std::string_view loss, const Tensor& saved);

// softmax(logits) on the host, (N, C) row-major. Throws Error, naming `loss`, where an output is not finite.
std::vector<double> softmax_on_host(std::string_view loss, const Tensor& logits);

}  // namespace cofactor
