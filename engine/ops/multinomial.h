// Random classes with given weights.
#pragma once

#include "engine/random.h"
#include "engine/tensor.h"

namespace cofactor {

// (N) i32: class c of row i with probability weights[i, c] / sum of row i, for weights (N, C) of any floating dtype
// that are not negative; rows need not sum to 1. Only `key`, i and the row decide the class (draw_class in
// engine/random.h); the rows have the numbers i = first_row, first_row + 1, ..., as in dropout.h. The values stay on
// the device and are not checked: negative and NaN weights count as 0, and a row without a positive weight gives class
// 0. In a recorded step (engine/captured_step.h) each replay draws anew. No gradient. Throws Error for other shapes or
// dtypes, and a first_row below 0.
Tensor multinomial(const Tensor& weights, const RandomKey& key, int64_t first_row = 0);

}  // namespace cofactor
