// Convolution: by Winograd's filtering where that pays (winograd.h), else by oneDNN. Images are NHWC; the weights are
// brought from OHWI into the layout that oneDNN's kernel wants (and their gradient back), which costs microseconds
// beside the convolution.
#include <atomic>

#include "engine/backends/cpu/dispatch.h"
#include "engine/backends/cpu/in_f32.h"
#include "engine/backends/cpu/parallel.h"
#include "engine/backends/cpu/primitives.h"
#include "engine/backends/cpu/winograd.h"

namespace cofactor {

using onednn::Key;
using onednn::view;

namespace {

bool holds_nan(const Tensor& x) {
  std::atomic<bool> found = false;
  cpu::dispatch(x.dtype(), [&]<class T>() {
    const T* values = x.data<T>();
    cpu::parallel_for(x.numel(), 1, [=, &found](int64_t begin, int64_t end) {
      bool nan = false;
      for (int64_t i = begin; i < end; ++i) nan |= widen(values[i]) != widen(values[i]);
      if (nan) found = true;
    });
  });
  return found;
}

// The processor's bf16 instructions add products in pairs. Where a sum has an odd number of terms, the last pair's
// second is a neighbour's value times 0, which is NaN if the neighbour is NaN or infinite. Such a result is computed
// again in f32, so that a NaN stays where its value would have gone.
bool may_hold_a_neighbours_nan(DType computed, int64_t terms, const Tensor& result) {
  return computed == DType::bf16 && terms % 2 != 0 && holds_nan(result);
}

}  // namespace

// y = activation(conv(x, w) + b): x (N, H, W, I), w (O, KH, KW, I), b (O), y (N, OH, OW, O).
void CpuBackend::conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params,
                        const Tensor& y) {
  if (!cpu::serves(x.dtype())) return ReferenceBackend::conv2d(x, w, b, params, y);
  const bool tiled = cpu::winograd_serves(w.shape(), y.shape(), params, x.dtype());
  const auto in_f32 = [&] {
    cpu::in_f32(*this, [&](auto& f32) { conv2d(f32.input(x), f32.input(w), b, params, f32.output(y)); });
  };
  if (!tiled && cpu::widens(x.dtype())) return in_f32();
  onednn::guarded("conv2d", x.shape(), [&] {
    if (tiled) return cpu::winograd_conv2d(*this, primitives_->products, x, w, b, params, y);
    const onednn::Convolution conv{x.shape(), w.shape(), y.shape(), params, b.defined(), x.dtype()};
    const auto plain_weights = onednn::weights_desc(conv.w, conv.dtype);
    auto& cached = primitives_->conv_forward.get(Key() << conv, [&] {
      const auto desc = onednn::convolution_forward(conv);
      return Primitives::ConvForward{desc.src_desc(), desc.bias_desc(), desc.dst_desc(),
                                     onednn::Reorder(plain_weights, desc.weights_desc()),
                                     onednn::Primitive(dnnl::convolution_forward(desc), desc)};
    });
    Tensor packed;
    const auto weights = cached.weights.apply(*this, view(plain_weights, w), packed);
    cached.conv.run(*this, {{DNNL_ARG_SRC, view(cached.x, x)},
                            {DNNL_ARG_WEIGHTS, weights},
                            {DNNL_ARG_BIAS, view(cached.b, b)},
                            {DNNL_ARG_DST, view(cached.y, y)}});
  });
  if (!tiled && may_hold_a_neighbours_nan(x.dtype(), x.dim(3), y)) return in_f32();
  // Not as oneDNN's post-operation: that turns NaN into 0, and a network that has diverged would look healthy.
  if (params.activation == Activation::relu) unary(UnaryOp::relu, y, 0.0, y);
}

// dx[n, ih, iw, i] = sum over the outputs that read it of grad * w.
void CpuBackend::conv2d_vjp_input(const Tensor& grad, const Tensor& w, const Conv2dParams& params, const Tensor& dx) {
  if (!cpu::serves(grad.dtype())) return ReferenceBackend::conv2d_vjp_input(grad, w, params, dx);
  const bool tiled = cpu::winograd_serves(w.shape(), dx.shape(), params, dx.dtype());
  const auto in_f32 = [&] {
    cpu::in_f32(*this, [&](auto& f32) { conv2d_vjp_input(f32.input(grad), f32.input(w), params, f32.output(dx)); });
  };
  if (!tiled && cpu::widens(grad.dtype())) return in_f32();
  onednn::guarded("conv2d backward by the input", grad.shape(), [&] {
    if (tiled) return cpu::winograd_conv2d_vjp_input(*this, primitives_->products, grad, w, params, dx);
    const onednn::Convolution conv{dx.shape(), w.shape(), grad.shape(), params, false, dx.dtype()};
    const auto plain_weights = onednn::weights_desc(conv.w, conv.dtype);
    auto& cached = primitives_->conv_input.get(Key() << conv, [&] {
      const auto desc = onednn::convolution_backward_data(conv);
      return Primitives::ConvInput{desc.diff_dst_desc(), desc.diff_src_desc(),
                                   onednn::Reorder(plain_weights, desc.weights_desc()),
                                   onednn::Primitive(dnnl::convolution_backward_data(desc), desc)};
    });
    Tensor packed;
    const auto weights = cached.weights.apply(*this, view(plain_weights, w), packed);
    cached.conv.run(*this, {{DNNL_ARG_DIFF_DST, view(cached.grad, grad)},
                            {DNNL_ARG_WEIGHTS, weights},
                            {DNNL_ARG_DIFF_SRC, view(cached.dx, dx)}});
  });
  if (!tiled && may_hold_a_neighbours_nan(grad.dtype(), grad.dim(3), dx)) in_f32();
}

// dw[o, kh, kw, i] = sum over images and outputs of grad * x; db[o] = sum of grad.
void CpuBackend::conv2d_vjp_weights(const Tensor& x, const Tensor& grad, const Conv2dParams& params, const Tensor& dw,
                                    const Tensor& db) {
  if (!cpu::serves(x.dtype())) return ReferenceBackend::conv2d_vjp_weights(x, grad, params, dw, db);
  const bool tiled = cpu::winograd_serves(dw.shape(), grad.shape(), params, x.dtype());
  const auto in_f32 = [&] {
    cpu::in_f32(*this, [&](auto& f32) { conv2d_vjp_weights(f32.input(x), f32.input(grad), params, dw, db); });
  };
  if (!tiled && cpu::widens(x.dtype())) return in_f32();
  onednn::guarded("conv2d backward by the weights", x.shape(), [&] {
    if (tiled) {
      if (db.defined()) reduce(ReduceOp::sum, grad, db.view({1, 1, 1, db.numel()}));
      return cpu::winograd_conv2d_vjp_weights(*this, primitives_->products, x, grad, params, dw);
    }
    const onednn::Convolution conv{x.shape(), dw.shape(), grad.shape(), params, db.defined(), x.dtype()};
    const auto plain_weights = onednn::weights_desc(conv.w, DType::f32);
    auto& cached = primitives_->conv_weights.get(Key() << conv, [&] {
      const auto desc = onednn::convolution_backward_weights(conv);
      return Primitives::ConvWeights{desc.src_desc(), desc.diff_dst_desc(), desc.diff_bias_desc(),
                                     onednn::Reorder(desc.diff_weights_desc(), plain_weights),
                                     onednn::Primitive(dnnl::convolution_backward_weights(desc), desc)};
    });
    Tensor packed;
    const auto target = view(plain_weights, dw);
    const auto weights = cached.weights.begin(target, packed);
    cached.conv.run(*this, {{DNNL_ARG_SRC, view(cached.x, x)},
                            {DNNL_ARG_DIFF_DST, view(cached.grad, grad)},
                            {DNNL_ARG_DIFF_WEIGHTS, weights},
                            {DNNL_ARG_DIFF_BIAS, view(cached.db, db)}});
    cached.weights.finish(*this, weights, target);
  });
  // The sum is over the outputs, row by row.
  if (!tiled && may_hold_a_neighbours_nan(x.dtype(), grad.dim(2), dw)) in_f32();
}

}  // namespace cofactor
