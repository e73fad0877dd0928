// Batch norm: kernels/batch_norm.h launched on the GPU.
#include "engine/backends/cuda/context.h"
#include "engine/backends/cuda/device_launch.cuh"
#include "engine/backends/cuda/kernels/batch_norm.h"
#include "engine/backends/cuda/kernels/batch_norm_vjp.h"

namespace cofactor {

using cuda::DeviceLaunch;

void CudaBackend::batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                             const Tensor& running_variance, const Tensor& residual, const BatchNormParams& params,
                             const Tensor& y, const Tensor& saved_mean, const Tensor& saved_variance) {
  cuda::batch_norm(DeviceLaunch(context_->stream.get(), "batch_norm", x.shape()), x, scale, shift, running_mean,
                   running_variance, residual, params, y, saved_mean, saved_variance);
}

void CudaBackend::batch_norm_vjp(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale,
                                 const Tensor& mean, const Tensor& variance, const BatchNormParams& params,
                                 const Tensor& dx, const Tensor& dscale, const Tensor& dshift,
                                 const Tensor& dresidual) {
  cuda::batch_norm_vjp(DeviceLaunch(context_->stream.get(), "batch_norm", x.shape()), grad, x, y, scale, mean, variance,
                       params, dx, dscale, dshift, dresidual);
}

void CudaBackend::batch_norm_moments(const Tensor& x, const Tensor& mean, const Tensor& variance) {
  cuda::batch_norm_moments(DeviceLaunch(context_->stream.get(), "batch_norm", x.shape()), x, mean, variance);
}

void CudaBackend::batch_norm_vjp_sums(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& mean,
                                      const Tensor& variance, const BatchNormParams& params, const Tensor& dscale,
                                      const Tensor& dshift) {
  cuda::batch_norm_vjp_sums(DeviceLaunch(context_->stream.get(), "batch_norm", x.shape()), grad, x, y, mean, variance,
                            params, dscale, dshift);
}

void CudaBackend::batch_norm_vjp_input(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale,
                                       const Tensor& mean, const Tensor& variance, const Tensor& dscale,
                                       const Tensor& dshift, int64_t rows, const BatchNormParams& params,
                                       const Tensor& dx, const Tensor& dresidual) {
  cuda::batch_norm_vjp_input(DeviceLaunch(context_->stream.get(), "batch_norm", x.shape()), grad, x, y, scale, mean,
                             variance, dscale, dshift, rows, params, dx, dresidual);
}

}  // namespace cofactor
