// Dropout (Srivastava et al. 2014), inverted: the kept values are scaled up.
#pragma once

#include "engine/backend.h"

namespace cofactor {

// Each element is 0 with probability p, else divided by 1 - p; which one is decided by `key` and the element's position
// alone. p in [0, 1); 0 returns x itself.
Tensor dropout(const Tensor& x, double p, const RandomKey& key);

}  // namespace cofactor
