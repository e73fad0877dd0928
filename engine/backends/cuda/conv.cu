// Convolution by cuDNN; in f64, and where cuDNN has no allowed plan, by the plain kernels of kernels/conv.h. Bias and
// ReLU are a separate kernel, which keeps NaN; cuDNN's ReLU does not promise to.
#include "engine/backends/cuda/context.h"
#include "engine/backends/cuda/device_launch.cuh"
#include "engine/backends/cuda/kernels/conv.h"

namespace cofactor {

using cuda::DeviceLaunch;
using cudnn::ConvKind;

// y = activation(conv(x, w) + b): x (N, H, W, I), w (O, KH, KW, I), b (O), y (N, OH, OW, O).
void CudaBackend::conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params,
                         const Tensor& y) {
  const DeviceLaunch launch(context_->stream.get(), "conv2d", x.shape());
  const cudnn::ConvProblem problem{ConvKind::forward, x.shape(),           w.shape(), y.shape(), params,
                                   x.dtype(),         context_->allow_tf32};
  if (!context_->convolve(problem, x, w, y)) cuda::direct_conv2d(launch, x, w, params, y);
  cuda::bias_activation(launch, b, params.activation, y);
}

void CudaBackend::input_gradient(const Tensor& grad, const Tensor& w, const Conv2dParams& params, const Tensor& dx,
                                 bool accumulate) {
  const cudnn::ConvProblem problem{ConvKind::input_gradient, dx.shape(), w.shape(), grad.shape(), params, dx.dtype(),
                                   context_->allow_tf32,     accumulate};
  if (context_->convolve(problem, dx, w, grad)) return;
  cuda::direct_conv2d_input(DeviceLaunch(context_->stream.get(), "conv2d", dx.shape()), grad, w, params, dx,
                            accumulate);
}

void CudaBackend::conv2d_vjp_input(const Tensor& grad, const Tensor& w, const Conv2dParams& params, const Tensor& dx) {
  input_gradient(grad, w, params, dx, false);
}

bool CudaBackend::conv2d_vjp_input_add(const Tensor& grad, const Tensor& w, const Conv2dParams& params,
                                       const Tensor& dx) {
  input_gradient(grad, w, params, dx, true);
  return true;
}

void CudaBackend::conv2d_vjp_weights(const Tensor& x, const Tensor& grad, const Conv2dParams& params, const Tensor& dw,
                                     const Tensor& db) {
  const DeviceLaunch launch(context_->stream.get(), "conv2d", x.shape());
  const cudnn::ConvProblem problem{ConvKind::weight_gradient, x.shape(), dw.shape(), grad.shape(), params, x.dtype(),
                                   context_->allow_tf32};
  // No engine of cuDNN writes another dtype than it reads.
  const bool wide = dw.dtype() != x.dtype();
  const Tensor target = wide ? Tensor::empty(dw.shape(), x.dtype(), dw.device()) : dw;
  if (!context_->convolve(problem, x, target, grad)) {
    cuda::direct_conv2d_weights(launch, x, grad, params, dw);
  } else if (wide) {
    cast(target, dw);
  }
  if (db.defined()) cuda::bias_gradient(launch, grad, db);
}

}  // namespace cofactor
