// Label noise as a transition matrix (paper, section 3.1): T(y, y~) = Pr[noisy label y~ | true label y].
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/random.h"

namespace cofactor {

// A row-stochastic C x C matrix.
class TransitionMatrix {
 public:
  // values: row-major. Throws Error unless they are C * C numbers in [0, 1] whose rows sum to 1 within 1e-6.
  TransitionMatrix(int64_t classes, std::vector<double> values);
  static TransitionMatrix identity(int64_t classes);
  int64_t classes() const { return classes_; }
  double at(int64_t from, int64_t to) const { return values_[static_cast<size_t>(from * classes_ + to)]; }
  double& at(int64_t from, int64_t to) { return values_[static_cast<size_t>(from * classes_ + to)]; }
  const std::vector<double>& values() const { return values_; }
  double determinant() const;

 private:
  int64_t classes_;
  std::vector<double> values_;
};

// With probability rate the label is replaced by one drawn uniformly from all classes (the true one among them):
// T = (1 - rate) I + rate / C. For two classes the paper's case 1, [[1 - r/2, r/2], [r/2, 1 - r/2]].
TransitionMatrix uniform_noise(int64_t classes, double rate);
// With probability rate the label is flipped to one of the other classes: rate / (C - 1) on each.
TransitionMatrix symmetric_noise(int64_t classes, double rate);
// Each pair's `from` becomes `to` with probability rate; other classes stay.
struct LabelFlip {
  int64_t from, to;
};
TransitionMatrix flip_noise(int64_t classes, const std::vector<LabelFlip>& flips, double rate);

// Draws a noisy label for each label. Draw i depends on the key and on positions[i] alone (the sample's index in its
// data set), so that a split's noise does not depend on the other splits.
std::vector<int32_t> apply_noise(const TransitionMatrix& transition, const std::vector<int32_t>& labels,
                                 const std::vector<int64_t>& positions, const RandomKey& key);

}  // namespace cofactor
