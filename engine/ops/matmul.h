// Matrix products.
#pragma once

#include "engine/tensor.h"

namespace cofactor {

// (M, K) times (K, N) gives (M, N).
Tensor matmul(const Tensor& a, const Tensor& b);

// y = x w^T + b: x (N, I), w (O, I), b (O) or undefined; y (N, O). As torch.nn.functional.linear.
// w and b have x's dtype, or are f32 beside a bf16 x: then w is rounded to bf16 for the products, and the gradients of
// w and b are f32.
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b);

}  // namespace cofactor
