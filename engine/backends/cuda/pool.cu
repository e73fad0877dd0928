// Pooling: kernels/pool.h launched on the GPU.
#include "engine/backends/cuda/context.h"
#include "engine/backends/cuda/device_launch.cuh"
#include "engine/backends/cuda/kernels/pool.h"

namespace cofactor {

using cuda::DeviceLaunch;

size_t CudaBackend::pool2d_workspace(const Shape&, const Shape& y, DType, const Pool2dParams& params) {
  return cuda::pool2d_workspace(y, params);
}

void CudaBackend::pool2d(const Tensor& x, const Pool2dParams& params, const Tensor& y, const Tensor& workspace) {
  cuda::pool2d(DeviceLaunch(context_->stream.get(), "pool2d", x.shape()), x, params, y, workspace);
}

void CudaBackend::pool2d_vjp(const Tensor& grad, const Tensor& workspace, const Pool2dParams& params,
                             const Tensor& dx) {
  cuda::pool2d_vjp(DeviceLaunch(context_->stream.get(), "pool2d", dx.shape()), grad, workspace, params, dx);
}

}  // namespace cofactor
