// A convolution's maximum over all positions: cuDNN's convolution, and the kernels of kernels/conv_global_max.h.
#include "engine/backends/cuda/kernels/conv_global_max.h"

#include "engine/backends/cuda/context.h"
#include "engine/backends/cuda/device_launch.cuh"

namespace cofactor {

void CudaBackend::conv2d_global_max(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params,
                                    const Tensor& y, const Tensor& places) {
  const Tensor values = Tensor::empty(conv2d_output(x.shape(), w.shape(), params), x.dtype(), x.device());
  Conv2dParams plain = params;
  plain.activation = Activation::none;
  conv2d(x, w, b, plain, values);
  cuda::global_max(cuda::DeviceLaunch(context_->stream.get(), "conv2d_global_max", x.shape()), values,
                   params.activation, y, places);
}

void CudaBackend::conv2d_global_max_vjp(const Tensor& grad, const Tensor& places, const Tensor& x, const Tensor& w,
                                        const Conv2dParams& params, const Tensor& dx, const Tensor& dw,
                                        const Tensor& db) {
  cuda::global_max_vjp(cuda::DeviceLaunch(context_->stream.get(), "conv2d_global_max", x.shape()), grad, places, x, w,
                       params, dx, dw, db);
}

}  // namespace cofactor
