// Batch norm by oneDNN, which fuses ReLU but no residual. Its ReLU turns NaN into 0, and a network that has diverged
// would look healthy: in training the moments and parameters tell whether a channel is NaN, and it is made so again; in
// evaluation, and after a residual, ReLU is a pass of its own, one with the residual's addition.
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/backends/cpu/dispatch.h"
#include "engine/backends/cpu/in_f32.h"
#include "engine/backends/cpu/parallel.h"
#include "engine/backends/cpu/primitives.h"

namespace cofactor {

using onednn::Key;
using onednn::vector_desc;
using onednn::view;

namespace {

Key key_of(const Tensor& x, const BatchNormParams& params) {
  int64_t epsilon_bits = 0;
  std::memcpy(&epsilon_bits, &params.epsilon, sizeof(epsilon_bits));
  return Key() << x.shape() << static_cast<int64_t>(x.dtype()) << params.training
               << static_cast<int64_t>(params.activation) << epsilon_bits;
}

bool has_relu(const BatchNormParams& params) {
  return params.activation == Activation::relu;
}

// What oneDNN is asked for.
BatchNormParams with_relu(BatchNormParams params, bool relu) {
  params.activation = relu ? Activation::relu : Activation::none;
  return params;
}

bool fuses_relu(const BatchNormParams& params, bool residual) {
  return has_relu(params) && params.training && !residual;
}

// What is not finite makes its channel's variance NaN, and by the formula all of the channel; and so a parameter.
void restore_nan(const Tensor& variance, const Tensor& scale, const Tensor& shift, const Tensor& y) {
  const int64_t channels = variance.numel();
  const float *v = variance.data<float>(), *a = scale.data<float>(), *b = shift.data<float>();
  cpu::dispatch(y.dtype(), [&]<class T>() {
    T* out = y.data<T>();
    for (int64_t c = 0; c < channels; ++c) {
      if (!std::isnan(v[c]) && !std::isnan(a[c]) && !std::isnan(b[c])) continue;
      for (int64_t i = c; i < y.numel(); i += channels) out[i] = T(std::numeric_limits<float>::quiet_NaN());
    }
  });
}

// y = activation(y + residual), where residual may be undefined. In bf16 y has been rounded once before.
void add_and_activate(const Tensor& y, const Tensor& residual, bool relu) {
  cpu::dispatch(y.dtype(), [&]<class T>() {
    T* out = y.data<T>();
    const T* added = residual.defined() ? residual.data<T>() : nullptr;
    const auto each = [&](const auto& f) {
      cpu::parallel_for(y.numel(), 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) out[i] = convert<T>(f(i));
      });
    };
    const auto rectified = [](float value) { return scalar::unary<UnaryOp::relu>(value, 0.0f); };
    const auto sum = [=](int64_t i) { return convert<float>(out[i]) + convert<float>(added[i]); };
    if (!added) return each([=](int64_t i) { return rectified(convert<float>(out[i])); });
    if (!relu) return each(sum);
    each([=](int64_t i) { return rectified(sum(i)); });
  });
}

// masked = grad where y > 0, else 0.
void mask_gradient(const Tensor& grad, const Tensor& y, const Tensor& masked) {
  cpu::dispatch(grad.dtype(), [&]<class T>() {
    const T *g = grad.data<T>(), *result = y.data<T>();
    T* out = masked.data<T>();
    cpu::parallel_for(grad.numel(), 1, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) out[i] = convert<float>(result[i]) > 0.0f ? g[i] : T(0.0f);
    });
  });
}

// running = (1 - momentum) * running + momentum * batch, the variance without bias: times n / (n - 1).
void update_running(const Tensor& running, const Tensor& batch, double momentum, double correction) {
  float* r = running.data<float>();
  const float* b = batch.data<float>();
  for (int64_t c = 0; c < running.numel(); ++c)
    r[c] = static_cast<float>((1.0 - momentum) * r[c] + momentum * correction * b[c]);
}

}  // namespace

size_t CpuBackend::batch_norm_workspace(const Shape& x, DType dtype, const BatchNormParams& params, bool residual) {
  if (!cpu::serves(dtype)) return ReferenceBackend::batch_norm_workspace(x, dtype, params, residual);
  if (!fuses_relu(params, residual)) return 0;  // oneDNN keeps the signs of the output for ReLU alone
  const DType computed = cpu::widens(dtype) ? DType::f32 : dtype;
  return onednn::guarded("batch_norm", x,
                         [&] { return onednn::batch_norm_forward(x, computed, params).workspace_desc().get_size(); });
}

// y = activation((x - mean) / sqrt(variance + epsilon) * scale + shift + residual), by channel.
void CpuBackend::batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                            const Tensor& running_variance, const Tensor& residual, const BatchNormParams& params,
                            const Tensor& y, const Tensor& saved_mean, const Tensor& saved_variance,
                            const Tensor& workspace) {
  if (!cpu::serves(x.dtype()))
    return ReferenceBackend::batch_norm(x, scale, shift, running_mean, running_variance, residual, params, y,
                                        saved_mean, saved_variance, workspace);
  if (cpu::widens(x.dtype()))
    return cpu::in_f32(*this, [&](auto& f32) {
      batch_norm(f32.input(x), scale, shift, running_mean, running_variance, f32.input(residual), params, f32.output(y),
                 saved_mean, saved_variance, workspace);
    });
  const bool fused = fuses_relu(params, residual.defined());
  const BatchNormParams asked = with_relu(params, fused);
  onednn::guarded("batch_norm", x.shape(), [&] {
    auto& cached = primitives_->batch_norm_forward.get(key_of(x, asked), [&] {
      const auto desc = onednn::batch_norm_forward(x.shape(), x.dtype(), asked);
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
  if (fused) restore_nan(saved_variance, scale, shift, y);
  if (residual.defined() || (has_relu(params) && !fused)) add_and_activate(y, residual, has_relu(params));
  if (!params.training) return;
  const auto count = static_cast<double>(x.numel() / x.dim(-1));
  update_running(running_mean, saved_mean, params.momentum, 1.0);
  update_running(running_variance, saved_variance, params.momentum, count / (count - 1.0));
}

void CpuBackend::batch_norm_vjp(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale,
                                const Tensor& mean, const Tensor& variance, const BatchNormParams& params,
                                const Tensor& workspace, const Tensor& dx, const Tensor& dscale, const Tensor& dshift,
                                const Tensor& dresidual) {
  if (!cpu::serves(x.dtype()))
    return ReferenceBackend::batch_norm_vjp(grad, x, y, scale, mean, variance, params, workspace, dx, dscale, dshift,
                                            dresidual);
  // A forward that left the ReLU to oneDNN has a workspace. The others mask the gradient here: into dresidual, or into
  // dx, which oneDNN then computes in place.
  const bool fused = has_relu(params) && workspace.defined() && workspace.numel() > 0;
  if (cpu::widens(x.dtype()))
    return cpu::in_f32(*this, [&](auto& f32) {
      batch_norm_vjp(f32.input(grad), f32.input(x), fused ? Tensor() : f32.input(y), scale, mean, variance, params,
                     workspace, f32.output(dx), dscale, dshift, f32.output(dresidual));
    });
  const BatchNormParams asked = with_relu(params, fused);
  Tensor g = grad;
  if (has_relu(params) && !fused) {
    g = dresidual.defined() ? dresidual : dx;
    mask_gradient(grad, y, g);
  } else if (dresidual.defined()) {
    copy(dresidual.raw_data(), grad.raw_data(), grad.nbytes());
  }
  onednn::guarded("batch_norm backward", x.shape(), [&] {
    auto& cached = primitives_->batch_norm_backward.get(key_of(x, asked), [&] {
      const auto desc = onednn::batch_norm_backward(x.shape(), x.dtype(), asked);
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
