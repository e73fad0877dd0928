// Reductions over axes.
#pragma once

#include <vector>

#include "engine/backend.h"

namespace cofactor {

// Reduces the listed axes (negative ones count from the end; an empty list means all of them). The reduced axes are
// dropped, or kept with extent 1 where `keep_dims` is set. Throws Error for an axis that does not exist or comes twice,
// and for the mean or max of nothing.
Tensor sum(const Tensor& x, const std::vector<int>& axes = {}, bool keep_dims = false);
Tensor mean(const Tensor& x, const std::vector<int>& axes = {}, bool keep_dims = false);
// The largest value; among equals the gradient is shared evenly (torch.amax).
Tensor max(const Tensor& x, const std::vector<int>& axes = {}, bool keep_dims = false);

// y (N) i32: the index of the largest value of each row of x (N, C), the first among equals. No gradient.
Tensor argmax(const Tensor& x);

}  // namespace cofactor
