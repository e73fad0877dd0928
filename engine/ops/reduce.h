// Reductions over axes.
#pragma once

#include <vector>

#include "engine/tensor.h"

namespace cofactor {

// Reduce the listed axes, as in sum(x, {1}) (negative ones count from the end; an empty list means all axes). The
// reduced axes are dropped, or kept with extent 1 where `keep_dims` is set. Throw Error for an axis that does not exist
// or is listed twice, and for the mean or the max of no values.
Tensor sum(const Tensor& x, const std::vector<int>& axes = {}, bool keep_dims = false);
Tensor mean(const Tensor& x, const std::vector<int>& axes = {}, bool keep_dims = false);
// The largest value. Equal largest values share the gradient evenly, as in torch.amax.
Tensor max(const Tensor& x, const std::vector<int>& axes = {}, bool keep_dims = false);

// y (N) i32: the index of the largest value of each row of x (N, C), the first of equal ones. No gradient.
Tensor argmax(const Tensor& x);

// The share of rows of logits (N, C) whose largest value is at the label: labels (N) i32. In [0, 1]; waits for the
// device. Throws Error for other shapes or dtypes and for no rows.
double accuracy(const Tensor& logits, const Tensor& labels);

}  // namespace cofactor
