#include "engine/ops/batch_norm.h"

#include "engine/ops/batch_norm_checks.h"

namespace cofactor {

Tensor batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                  const Tensor& running_variance, const BatchNormParams& params, const Tensor& residual) {
  check_batch_norm("batch_norm", x, scale, shift, running_mean, running_variance, params, residual);
  check(!params.training || x.numel() > x.dim(-1),
        "batch_norm: x of shape {} has {} values per channel, training needs at least 2", x.shape(),
        x.numel() / x.dim(-1));
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
