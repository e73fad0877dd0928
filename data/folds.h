// Deals samples to folds, for cross-fitting.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/random.h"

namespace cofactor {

// The fold of each sample, from 1 to `folds`. Each stratum (a class, say, by its number from 0) is spread over the
// folds as evenly as can be, and so are all samples. `groups` is empty, or holds a number per sample, from 0: samples
// of one group get the same fold, and strata are then spread as evenly as the groups allow: the largest group comes
// first, and each goes to the fold where the sum over strata of (samples of the stratum there)^2 / (samples of the
// stratum) grows least. The draws are those of `key`. Throws Error if there are fewer than 2 folds, sizes differ, or a
// number is negative.
std::vector<int32_t> deal_folds(const std::vector<int32_t>& strata, const std::vector<int32_t>& groups, int folds,
                                const RandomKey& key);

}  // namespace cofactor
