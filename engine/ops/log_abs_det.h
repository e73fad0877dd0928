// The logarithm of a determinant's absolute value, in f64.
#pragma once

#include "engine/tensor.h"

namespace cofactor {

// log(|det u| + epsilon), a scalar, for u (C, C) in f64 (cast first). epsilon >= 0.
//
// epsilon = 0, exact: LU with partial pivoting; the gradient is u^-T, since d log|det u| / du = cof(u) / det u.
//   A singular u gives -infinity, and NaN gradients: callers check the value before they use the gradient.
// epsilon > 0, smoothed: the gradient sign(det u) cof(u) / (|det u| + epsilon) is finite at every u; the cofactor
//   matrix comes from an SVD, since LU cannot give it where u is singular.
Tensor log_abs_det(const Tensor& u, double epsilon = 0.0);

}  // namespace cofactor
