// Batch norm by oneDNN, which fuses ReLU. Its ReLU turns NaN into 0, and a network that has diverged would look
// healthy: in training the moments tell whether a channel is NaN, and it is made so again; in evaluation ReLU is a pass
// of its own.
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/backends/cpu/primitives.h"

namespace cofactor {

using onednn::Key;
using onednn::vector_desc;
using onednn::view;

namespace {

Key key_of(const Shape& x, const BatchNormParams& params) {
  int64_t epsilon_bits = 0;
  std::memcpy(&epsilon_bits, &params.epsilon, sizeof(epsilon_bits));
  return Key() << x << params.training << static_cast<int64_t>(params.activation) << epsilon_bits;
}

bool has_relu(const BatchNormParams& params) {
  return params.activation == Activation::relu;
}

// What oneDNN is asked for.
BatchNormParams fused(BatchNormParams params) {
  if (!params.training) params.activation = Activation::none;
  return params;
}

// A value that is not finite makes its channel's variance NaN, and by the formula all of the channel.
void restore_nan(const Tensor& variance, const Tensor& y) {
  const int64_t channels = variance.numel();
  const float* v = variance.data<float>();
  float* out = y.data<float>();
  for (int64_t c = 0; c < channels; ++c) {
    if (!std::isnan(v[c])) continue;
    for (int64_t i = c; i < y.numel(); i += channels) out[i] = std::numeric_limits<float>::quiet_NaN();
  }
}

// running = (1 - momentum) * running + momentum * batch, the variance without bias: times n / (n - 1).
void update_running(const Tensor& running, const Tensor& batch, double momentum, double correction) {
  float* r = running.data<float>();
  const float* b = batch.data<float>();
  for (int64_t c = 0; c < running.numel(); ++c)
    r[c] = static_cast<float>((1.0 - momentum) * r[c] + momentum * correction * b[c]);
}

}  // namespace

size_t CpuBackend::batch_norm_workspace(const Shape& x, DType dtype, const BatchNormParams& params) {
  if (dtype != DType::f32) return ReferenceBackend::batch_norm_workspace(x, dtype, params);
  if (!has_relu(fused(params))) return 0;  // oneDNN keeps the signs of the output for ReLU alone
  return onednn::guarded("batch_norm", x,
                         [&] { return onednn::batch_norm_forward(x, fused(params)).workspace_desc().get_size(); });
}

// y = activation((x - mean) / sqrt(variance + epsilon) * scale + shift), by channel.
void CpuBackend::batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                            const Tensor& running_variance, const BatchNormParams& params, const Tensor& y,
                            const Tensor& saved_mean, const Tensor& saved_variance, const Tensor& workspace) {
  if (x.dtype() != DType::f32)
    return ReferenceBackend::batch_norm(x, scale, shift, running_mean, running_variance, params, y, saved_mean,
                                        saved_variance, workspace);
  onednn::guarded("batch_norm", x.shape(), [&] {
    auto& cached = primitives_->batch_norm_forward.get(key_of(x.shape(), fused(params)), [&] {
      const auto desc = onednn::batch_norm_forward(x.shape(), fused(params));
      return Primitives::Windowed{desc.src_desc(), desc.dst_desc(), desc.workspace_desc(),
                                  onednn::Primitive(dnnl::batch_normalization_forward(desc), desc)};
    });
    Tensor own_workspace = workspace;  // oneDNN writes it whether or not a backward will read it
    if (!workspace.defined() && cached.workspace.get_size() > 0)
      own_workspace = Tensor::empty({static_cast<int64_t>(cached.workspace.get_size())}, DType::u8, device());
    const auto channels = vector_desc(x.dim(-1));
    cached.primitive.run(*this,
                         {{DNNL_ARG_SRC, view(cached.x, x)},
                          {DNNL_ARG_SCALE, view(channels, scale)},
                          {DNNL_ARG_SHIFT, view(channels, shift)},
                          {DNNL_ARG_MEAN, view(channels, params.training ? saved_mean : running_mean)},
                          {DNNL_ARG_VARIANCE, view(channels, params.training ? saved_variance : running_variance)},
                          {DNNL_ARG_DST, view(cached.y, y)},
                          {DNNL_ARG_WORKSPACE, view(cached.workspace, own_workspace)}});
  });
  if (!params.training) {
    if (has_relu(params)) unary(UnaryOp::relu, y, 0.0, y);
    return;
  }
  if (has_relu(params)) restore_nan(saved_variance, y);
  const auto count = static_cast<double>(x.numel() / x.dim(-1));
  update_running(running_mean, saved_mean, params.momentum, 1.0);
  update_running(running_variance, saved_variance, params.momentum, count / (count - 1.0));
}

void CpuBackend::batch_norm_vjp(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale,
                                const Tensor& mean, const Tensor& variance, const BatchNormParams& params,
                                const Tensor& workspace, const Tensor& dx, const Tensor& dscale, const Tensor& dshift) {
  if (x.dtype() != DType::f32)
    return ReferenceBackend::batch_norm_vjp(grad, x, y, scale, mean, variance, params, workspace, dx, dscale, dshift);
  Tensor g = grad;
  if (has_relu(params) && !params.training) {
    g = Tensor::empty(grad.shape(), grad.dtype(), device());
    unary_vjp(UnaryOp::relu, {}, y, grad, 0.0, g);
  }
  onednn::guarded("batch_norm backward", x.shape(), [&] {
    auto& cached = primitives_->batch_norm_backward.get(key_of(x.shape(), fused(params)), [&] {
      const auto desc = onednn::batch_norm_backward(x.shape(), fused(params));
      return Primitives::Windowed{desc.src_desc(), desc.diff_dst_desc(), desc.workspace_desc(),
                                  onednn::Primitive(dnnl::batch_normalization_backward(desc), desc)};
    });
    const auto channels = vector_desc(x.dim(-1));
    cached.primitive.run(*this, {{DNNL_ARG_SRC, view(cached.x, x)},
                                 {DNNL_ARG_MEAN, view(channels, mean)},
                                 {DNNL_ARG_VARIANCE, view(channels, variance)},
                                 {DNNL_ARG_SCALE, view(channels, scale)},
                                 // 2.6 counts the shift among the inputs, but has no use for it: any vector will do.
                                 {DNNL_ARG_SHIFT, view(channels, scale)},
                                 {DNNL_ARG_DIFF_DST, view(cached.y, g)},
                                 {DNNL_ARG_WORKSPACE, view(cached.workspace, workspace)},
                                 {DNNL_ARG_DIFF_SRC, view(cached.x, dx)},
                                 {DNNL_ARG_DIFF_SCALE, view(channels, dscale)},
                                 {DNNL_ARG_DIFF_SHIFT, view(channels, dshift)}});
  });
}

}  // namespace cofactor
