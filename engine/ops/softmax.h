// Softmax over the last axis, and selection by label.
#pragma once

#include "engine/tensor.h"

namespace cofactor {

// exp(x) / sum exp(x), shifted by the largest x so that nothing overflows. Rows sum to 1.
Tensor softmax(const Tensor& x);
// log softmax(x) = x - log sum exp(x), computed without the logarithm of a small number.
Tensor log_softmax(const Tensor& x);

// y (N): y_i = x[i, labels_i], for x (N, C) and labels (N) i32 on the same device.
// Labels must lie in [0, C): callers check them on the host (data/ does).
Tensor gather(const Tensor& x, const Tensor& labels);

// (N, C): 1 at [i, labels_i], else 0, in `dtype`. No gradient.
Tensor one_hot(const Tensor& labels, int64_t classes, DType dtype);

}  // namespace cofactor
