// What batch norm checks of its inputs, on one process (batch_norm.h) and over ranks.
#pragma once

#include <cmath>
#include <string_view>
#include <utility>

#include "engine/kernel_params.h"
#include "engine/ops/checks.h"

namespace cofactor {

// All but the number of rows. `op` begins the messages.
inline void check_batch_norm(std::string_view op, const Tensor& x, const Tensor& scale, const Tensor& shift,
                             const Tensor& running_mean, const Tensor& running_variance, const BatchNormParams& params,
                             const Tensor& residual) {
  check_floating(x, op, "x");
  check(x.rank() >= 2 && x.dim(-1) >= 1, "{}: x has shape {}, expected (..., C)", op, x.shape());
  // Statistics and their gradients stay in f32 where the activations are bf16.
  const DType dtype = compute_dtype(x.dtype());
  const std::pair<std::string_view, const Tensor&> per_channel[] = {
      {"scale", scale}, {"shift", shift}, {"running_mean", running_mean}, {"running_variance", running_variance}};
  for (const auto& [name, tensor] : per_channel) {
    check_defined(tensor, op, name);
    check(tensor.shape() == Shape{x.dim(-1)}, "{}: {} has shape {}, x of shape {} takes ({})", op, name, tensor.shape(),
          x.shape(), x.dim(-1));
    check(tensor.dtype() == dtype, "{}: {} is {}, x in {} takes {}", op, name, tensor.dtype(), x.dtype(), dtype);
    check_same_device(x, "x", tensor, name, op);
  }
  check(std::isfinite(params.epsilon) && params.epsilon >= 0.0, "{}: epsilon is {}, expected at least 0", op,
        params.epsilon);
  check(params.momentum >= 0.0 && params.momentum <= 1.0, "{}: momentum is {}, expected 0 to 1", op, params.momentum);
  if (!residual.defined()) return;
  check(residual.shape() == x.shape(), "{}: residual has shape {}, x has {}", op, residual.shape(), x.shape());
  check_alike(x, "x", residual, "residual", op);
}

}  // namespace cofactor
