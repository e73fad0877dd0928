// Dropout (Srivastava et al. 2014), inverted: the kept values are scaled up.
#pragma once

#include "engine/random.h"
#include "engine/tensor.h"

namespace cofactor {

// Each element becomes 0 with probability p, else is divided by 1 - p. Only `key` and the element's position decide
// which. x's rows, along the first axis, are rows first_row, first_row + 1, ... of a whole, and positions count in
// that: parts of a batch get the masks of the whole. p in [0, 1); for 0 the result is x itself. Throws Error for
// another p, another dtype than a floating one, and a first_row below 0.
Tensor dropout(const Tensor& x, double p, const RandomKey& key, int64_t first_row = 0);

}  // namespace cofactor
