// Convolution by cuDNN, with plans cached by shape; in f64, and where cuDNN has no allowed plan, by the plain kernels
// of kernels/conv.h. Bias and ReLU are a separate kernel, which keeps NaN; cuDNN's ReLU does not promise to.
#include "engine/backends/cuda/context.h"
#include "engine/backends/cuda/device_launch.cuh"
#include "engine/backends/cuda/kernels/conv.h"

namespace cofactor {

using cuda::DeviceLaunch;
using cudnn::ConvKind;

bool CudaBackend::Context::convolve(const cudnn::ConvProblem& problem, const Tensor& x, const Tensor& w,
                                    const Tensor& y) {
  if (problem.dtype == DType::f64 || y.numel() == 0 || x.numel() == 0 || w.numel() == 0) return false;
  const Conv2dParams& p = problem.params;
  std::vector<int64_t> key{static_cast<int64_t>(problem.kind),
                           static_cast<int64_t>(problem.dtype),
                           static_cast<int64_t>(problem.w_dtype),
                           problem.allow_tf32,
                           p.stride_h,
                           p.stride_w,
                           p.pad_h,
                           p.pad_w,
                           p.dilation_h,
                           p.dilation_w};
  for (const Shape* shape : {&problem.x, &problem.w, &problem.y}) key.insert(key.end(), shape->begin(), shape->end());
  auto found = convolutions.find(key);
  if (found == convolutions.end())
    found = convolutions.emplace(std::move(key), cudnn::plan_convolution(cudnn.get(), problem)).first;
  if (!found->second) return false;
  const Tensor workspace = scratch_memory(found->second->workspace_bytes());
  found->second->execute(cudnn.get(), x.raw_data(), w.raw_data(), y.raw_data(), workspace.raw_data());
  return true;
}

// y = activation(conv(x, w) + b): x (N, H, W, I), w (O, KH, KW, I), b (O), y (N, OH, OW, O).
void CudaBackend::conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params,
                         const Tensor& y) {
  const DeviceLaunch launch(context_->stream.get(), "conv2d", x.shape());
  const cudnn::ConvProblem problem{ConvKind::forward, x.shape(), w.shape(),           y.shape(), params,
                                   x.dtype(),         w.dtype(), context_->allow_tf32};
  if (!context_->convolve(problem, x, w, y)) cuda::direct_conv2d(launch, x, w, params, y);
  cuda::bias_activation(launch, b, params.activation, y);
}

void CudaBackend::conv2d_vjp_input(const Tensor& grad, const Tensor& w, const Conv2dParams& params, const Tensor& dx) {
  const cudnn::ConvProblem problem{
      ConvKind::input_gradient, dx.shape(), w.shape(), grad.shape(), params, dx.dtype(), w.dtype(),
      context_->allow_tf32};
  if (context_->convolve(problem, dx, w, grad)) return;
  cuda::direct_conv2d_input(DeviceLaunch(context_->stream.get(), "conv2d", dx.shape()), grad, w, params, dx);
}

void CudaBackend::conv2d_vjp_weights(const Tensor& x, const Tensor& grad, const Conv2dParams& params, const Tensor& dw,
                                     const Tensor& db) {
  const DeviceLaunch launch(context_->stream.get(), "conv2d", x.shape());
  const auto by_cudnn = [&](const Tensor& target) {
    const cudnn::ConvProblem problem{
        ConvKind::weight_gradient, x.shape(), dw.shape(), grad.shape(), params, x.dtype(), target.dtype(),
        context_->allow_tf32};
    return context_->convolve(problem, x, target, grad);
  };
  if (!by_cudnn(dw)) {
    // Not every engine writes f32 from bf16.
    const Tensor rounded = dw.dtype() == x.dtype() ? Tensor() : Tensor::empty(dw.shape(), x.dtype(), dw.device());
    if (rounded.defined() && by_cudnn(rounded)) {
      cast(rounded, dw);
    } else {
      cuda::direct_conv2d_weights(launch, x, grad, params, dw);
    }
  }
  if (db.defined()) cuda::bias_gradient(launch, grad, db);
}

}  // namespace cofactor
