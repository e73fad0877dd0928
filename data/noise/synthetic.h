// Transition matrices of noise that is added to clean labels, by a rate in [0, 1]. Each throws Error for another rate.
#pragma once

#include <cstdint>
#include <vector>

#include "data/noise/transition.h"

namespace cofactor {

// With probability rate the label is replaced by one drawn uniformly from all classes (the true one among them):
// T = (1 - rate) I + rate / C. For two classes the paper's case 1, [[1 - r/2, r/2], [r/2, 1 - r/2]].
Transition uniform_noise(int64_t classes, double rate);
// With probability rate the label is flipped to one of the other classes: rate / (C - 1) for each. C >= 2.
Transition symmetric_noise(int64_t classes, double rate);
struct LabelFlip {
  int64_t from, to;
};
// Each pair's `from` becomes `to` with probability rate; other classes stay. Throws Error for a pair of equal classes
// or of one outside [0, classes), and where a class is flipped twice.
Transition flip_noise(int64_t classes, const std::vector<LabelFlip>& flips, double rate);

}  // namespace cofactor
