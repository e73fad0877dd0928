// Label noise that depends on the true class alone (paper, section 3.1), as a matrix:
// T(c, y) = Pr[noisy label y | true class c].
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/random.h"
#include "engine/tensor.h"

namespace cofactor {

// A row-stochastic C x C matrix, C >= 1. Its values do not change.
class Transition {
 public:
  // values: row-major; row c is the distribution of the labels of class c. Throws Error unless they are
  // classes * classes numbers in [0, 1] whose rows sum to 1 within 1e-6.
  Transition(int64_t classes, std::vector<double> values);
  // No noise.
  static Transition identity(int64_t classes);
  // (weights + smoothing), each row divided by its sum, for row-major weights (classes, classes) from 0 up. Throws
  // Error where a row sums to 0.
  static Transition from_weights(int64_t classes, std::vector<double> weights, double smoothing = 0.0);
  // The matrix that tensor() returned. Throws Error, naming `caller`, for another shape or dtype or where the values
  // are not a transition matrix.
  static Transition from_tensor(std::string_view caller, const Tensor& saved);

  int64_t classes() const { return classes_; }
  double at(int64_t from, int64_t to) const { return values_[static_cast<size_t>(from * classes_ + to)]; }
  const std::vector<double>& values() const { return values_; }
  // (C, C) in f64, on the host.
  Tensor tensor() const;

  // det T, by LU.
  double determinant() const;
  // Whether det T is 0 up to rounding (|det T| <= 1e-12): some distributions of true classes then give the same
  // distribution of noisy labels.
  bool is_singular() const;
  // The inverse, row-major. Throws Error, naming `caller` and the two rows that are most alike, where T is singular, or
  // so nearly that some row of the inverse has absolute values summing to more than `max_amplification`: by that factor
  // it enlarges an error in what it is applied to.
  std::vector<double> inverse(std::string_view caller, double max_amplification) const;

  // Draws a noisy label for each label. Draw i depends on the key and on positions[i] alone (the sample's index in its
  // data set), so that a split's noise does not depend on the other splits. Throws Error for a label outside
  // [0, classes) and a negative position.
  std::vector<int32_t> draw_labels(const std::vector<int32_t>& labels, const std::vector<int64_t>& positions,
                                   const RandomKey& key) const;

  // Why a row is not a distribution: "the entry in column 0 is 1.5, not a probability", "the row sums to 0.9, not to
  // 1". Empty where it is one.
  static std::string wrong_with_row(std::span<const double> row);

  bool operator==(const Transition&) const = default;

 private:
  int64_t classes_;
  std::vector<double> values_;
};

}  // namespace cofactor
