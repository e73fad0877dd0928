// The label noises of the paper's experiments, by the names of the command line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/noise/transition.h"

namespace cofactor {

// T(c, y) of a noise at a rate r in [0, 1], for classes of these names:
//
//   uniform               a label drawn from all classes with probability r (Fashion-MNIST, case 1)
//   symmetric             one of the other classes with probability r
//   bags-to-clothes       [[1 - r, r], [0, 1]] for bag, clothes (Fashion-MNIST, case 2)
//   clothes-to-bags       [[1, 0], [r, 1 - r]] (case 3)
//   cat-to-dog            [[1 - r, r], [0, 1]] for cat, dog; the published code flips class 1 to class 0
//   positive-to-negative  [[1, 0], [r, 1 - r]] for negative, positive (movie reviews)
//   similar-classes       truck to automobile, bird to airplane, deer to horse, cat to dog (CIFAR-10)
//
// Throws Error for any other name, where a class that the noise flips is not among the classes, and for a rate outside
// [0, 1].
Transition paper_noise(std::string_view name, const std::vector<std::string>& classes, double rate);

}  // namespace cofactor
