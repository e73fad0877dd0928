#include "engine/ops/batch_norm.h"

#include <cmath>
#include <utility>

#include "engine/ops/checks.h"

namespace cofactor {

namespace {

void check_batch_norm(const Tensor& x, std::initializer_list<std::pair<std::string_view, const Tensor&>> per_channel,
                      const BatchNormParams& params) {
  check_floating(x, "batch_norm", "x");
  check(x.rank() >= 2 && x.dim(-1) >= 1, "batch_norm: x has shape {}, expected (..., C)", x.shape());
  // Statistics and their gradients stay in f32 where the activations are bf16.
  const DType dtype = x.dtype() == DType::bf16 ? DType::f32 : x.dtype();
  for (const auto& [name, tensor] : per_channel) {
    check_defined(tensor, "batch_norm", name);
    check(tensor.shape() == Shape{x.dim(-1)}, "batch_norm: {} has shape {}, x of shape {} takes ({})", name,
          tensor.shape(), x.shape(), x.dim(-1));
    check(tensor.dtype() == dtype, "batch_norm: {} is {}, x in {} takes {}", name, tensor.dtype(), x.dtype(), dtype);
    check_same_device(x, "x", tensor, name, "batch_norm");
  }
  check(std::isfinite(params.epsilon) && params.epsilon >= 0.0, "batch_norm: epsilon is {}, expected at least 0",
        params.epsilon);
  check(params.momentum >= 0.0 && params.momentum <= 1.0, "batch_norm: momentum is {}, expected 0 to 1",
        params.momentum);
  check(!params.training || x.numel() > x.dim(-1),
        "batch_norm: x of shape {} has {} values per channel, training needs at least 2", x.shape(),
        x.numel() / x.dim(-1));
}

void check_residual(const Tensor& x, const Tensor& residual) {
  check(residual.shape() == x.shape(), "batch_norm: residual has shape {}, x has {}", residual.shape(), x.shape());
  check_alike(x, "x", residual, "residual", "batch_norm");
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                  const Tensor& running_variance, const BatchNormParams& params, const Tensor& residual) {
  check_batch_norm(
      x, {{"scale", scale}, {"shift", shift}, {"running_mean", running_mean}, {"running_variance", running_variance}},
      params);
  if (residual.defined()) check_residual(x, residual);
  const Tensor y = empty_like(x);
  const bool tracked = tracks(x) || tracks(scale) || tracks(shift) || tracks(residual);
  Tensor saved_mean, saved_variance;
  if (params.training) {
    saved_mean = empty_like(running_mean);
    saved_variance = empty_like(running_variance);
  }
  x.backend().batch_norm(x, scale, shift, running_mean, running_variance, residual, params, y, saved_mean,
                         saved_variance);

  const Tensor mean = params.training ? saved_mean : keep(running_mean, tracked);
  const Tensor variance = params.training ? saved_variance : keep(running_variance, tracked);
  const bool activated = params.activation != Activation::none;
  return record(
      y, "batch_norm", {x, scale, shift, residual},
      [=, kept_x = keep(x, tracked), kept_y = keep(y, tracked && activated), kept_scale = keep(scale, tracked),
       need_residual = tracks(residual)](const Tensor& grad) -> std::vector<Tensor> {
        const Tensor dx = empty_like(kept_x), dscale = empty_like(kept_scale), dshift = empty_like(kept_scale);
        const Tensor masked = need_residual && activated ? empty_like(grad) : Tensor();
        grad.backend().batch_norm_vjp(grad, kept_x, kept_y, kept_scale, mean, variance, params, dx, dscale, dshift,
                                      masked);
        return {dx, dscale, dshift, activated ? masked : grad};
      });
}

}  // namespace cofactor
