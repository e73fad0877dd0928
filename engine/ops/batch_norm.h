// Batch normalisation over all axes but the last (Ioffe & Szegedy 2015).
#pragma once

#include "engine/kernel_params.h"

namespace cofactor {

// y = activation((x - mean) / sqrt(variance + epsilon) * scale + shift + residual). x, y and residual (which may be
// undefined) are (..., C) of one dtype; the others are (C), f32 where x is bf16, else of x's dtype.
// Training: mean and (biased) variance are the batch's, and the running ones are updated in place (the running
// variance takes the unbiased estimate). Otherwise they are the running ones.
// Throws Error where shapes or dtypes do not match, and in training where a channel has a single value.
Tensor batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                  const Tensor& running_variance, const BatchNormParams& params = {}, const Tensor& residual = {});

}  // namespace cofactor
