// Dropout (Srivastava et al. 2014), inverted: the kept values are scaled up.
#pragma once

#include "engine/random.h"
#include "engine/tensor.h"

namespace cofactor {

// Each element becomes 0 with probability p, else is divided by 1 - p. Only `key` and the element's position decide
// which. p in [0, 1); for 0 the result is x itself.
Tensor dropout(const Tensor& x, double p, const RandomKey& key);

}  // namespace cofactor
