// Reductions and softmax: kernels/ launched on the GPU.
#include "engine/backends/cuda/context.h"
#include "engine/backends/cuda/device_launch.cuh"
#include "engine/backends/cuda/kernels/reduce.h"
#include "engine/backends/cuda/kernels/softmax.h"

namespace cofactor {

using cuda::DeviceLaunch;

void CudaBackend::reduce(ReduceOp op, const Tensor& x, const Tensor& y) {
  cuda::reduce(DeviceLaunch(context_->stream.get(), "reduce", x.shape()), op, x, y);
}

void CudaBackend::argmax(const Tensor& x, const Tensor& y) {
  cuda::argmax(DeviceLaunch(context_->stream.get(), "argmax", x.shape()), x, y);
}

void CudaBackend::softmax(const Tensor& x, bool log, const Tensor& y) {
  cuda::softmax(DeviceLaunch(context_->stream.get(), "softmax", x.shape()), x, log, y);
}

void CudaBackend::softmax_vjp(const Tensor& y, const Tensor& grad, bool log, const Tensor& dx) {
  cuda::softmax_vjp(DeviceLaunch(context_->stream.get(), "softmax", y.shape()), y, grad, log, dx);
}

}  // namespace cofactor
