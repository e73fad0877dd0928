// Shapes and axes: reshape, permute, concatenate, slice, broadcast.
#pragma once

#include <vector>

#include "engine/tensor.h"

namespace cofactor {

// The same values in another shape with as many elements; one extent may be -1 and is inferred. Shares storage.
Tensor reshape(const Tensor& x, std::vector<int64_t> dims);
// (N, ...) to (N, product of the other extents).
Tensor flatten(const Tensor& x);
// y's axis k is x's axis axes[k].
Tensor permute(const Tensor& x, const std::vector<int>& axes);
// The transpose of a matrix.
Tensor transpose(const Tensor& x);
// Joins tensors along an axis; their other extents are equal.
Tensor concatenate(const std::vector<Tensor>& parts, int axis);
// Elements start .. start + length - 1 along an axis.
Tensor slice(const Tensor& x, int axis, int64_t start, int64_t length);
// x repeated to `shape` under the broadcasting rules.
Tensor broadcast_to(const Tensor& x, const Shape& shape);

}  // namespace cofactor
