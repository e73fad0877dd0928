// Deals samples at random to training, validation and test, with a share of each class.
#pragma once

#include <cstdint>
#include <vector>

namespace cofactor {

// Which parts are dealt beside training: a fifth of each class for validation, and a tenth for test.
struct DealOptions {
  bool validation = true, test = true;
  uint64_t seed = 0;

  int64_t parts() const { return 1 + (validation ? 1 : 0) + (test ? 1 : 0); }
};

// The samples of each part.
struct DealtParts {
  std::vector<int64_t> train, validation, test;
};

// The number of samples of each class. Negative labels are of no class.
std::vector<int64_t> class_sizes(const std::vector<int32_t>& labels, int64_t classes);

// Deals all samples whose label is not negative, of each class at least one to validation and test. They come in the
// order of random_permutation({seed, Purpose::split}, labels.size()). Labels are below `classes`.
DealtParts deal_by_class(const std::vector<int32_t>& labels, int64_t classes, const DealOptions& options);

// The same for whole groups: samples whose number in `groups`, which is not negative, is the same come to one part.
// Large groups are dealt first, groups of one size in a random order, each to the part for which the sum over classes
// and parts of (samples - wanted)^2 / wanted grows least. Samples come in ascending order.
DealtParts deal_by_group(const std::vector<int32_t>& labels, int64_t classes, const std::vector<int32_t>& groups,
                         const DealOptions& options);

}  // namespace cofactor
