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

}  // namespace cofactor
