// Convolution: by Winograd's filtering where that pays (winograd.h), else by oneDNN. Images are NHWC; the weights are
// brought from OHWI into the layout that oneDNN's kernel wants (and their gradient back), which costs microseconds
// beside the convolution.
#include <vector>

#include "engine/backends/cpu/batch_parts.h"
#include "engine/backends/cpu/dispatch.h"
#include "engine/backends/cpu/in_f32.h"
#include "engine/backends/cpu/primitives.h"
#include "engine/backends/cpu/winograd.h"

namespace cofactor {

using cpu::with_images;
using onednn::Key;
using onednn::view;

namespace {

// Whether oneDNN is to be given f32 in place of bf16. Where the processor multiplies bf16, it does so in pairs: of
// channels, and in the gradient of the weights of neighbours in a row of the output. Of an odd number oneDNN pairs the
// last with what lies behind it, whose NaN then spreads; and 2.6's gradient of the input is wrong for odd channels.
bool conv_widens(const Shape& w, DType dtype) {
  return cpu::widens(dtype) || (dtype == DType::bf16 && (w[0] % 2 != 0 || w[3] % 2 != 0));
}

// A kernel, and the weights in the layout that it wants.
template <class Kernel>
struct Packed {
  Packed(Backend& backend, const Kernel& kernel_, const dnnl::memory& plain)
      : kernel(kernel_), weights(kernel.weights.apply(backend, plain, holder)) {}

  const Kernel& kernel;
  Tensor holder;
  dnnl::memory weights;
};

// A sum over all images as a sum of each part's: the first part's is the result itself, until the others are added, in
// order. The result may be undefined: then all are.
class PartialSums {
 public:
  PartialSums(Backend& backend, const Tensor& result, int64_t parts) : result_(result) {
    if (!result.defined()) return;
    for (int64_t part = 1; part < parts; ++part)
      others_.push_back(Tensor::empty(result.shape(), result.dtype(), backend.device()));
  }

  const Tensor& of(int64_t part) const {
    return part == 0 || !result_.defined() ? result_ : others_[static_cast<size_t>(part - 1)];
  }

  void add_up() const {
    if (others_.empty()) return;
    float* sum = result_.data<float>();
    cpu::parallel_for(result_.numel(), static_cast<int64_t>(others_.size()), [&](int64_t begin, int64_t end) {
      for (const Tensor& other : others_) {
        const float* values = other.data<float>();
        for (int64_t i = begin; i < end; ++i) sum[i] += values[i];
      }
    });
  }

 private:
  Tensor result_;
  std::vector<Tensor> others_;
};

}  // namespace

// y = activation(conv(x, w) + b): x (N, H, W, I), w (O, KH, KW, I), b (O), y (N, OH, OW, O).
void CpuBackend::conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params,
                        const Tensor& y) {
  if (!cpu::serves(x.dtype())) return ReferenceBackend::conv2d(x, w, b, params, y);
  const bool tiled = cpu::winograd_serves(w.shape(), y.shape(), params, x.dtype());
  if (!tiled && conv_widens(w.shape(), x.dtype()))
    return cpu::in_f32(*this, [&](auto& f32) { conv2d(f32.input(x), f32.input(w), b, params, f32.output(y)); });
  onednn::guarded("conv2d", x.shape(), [&] {
    if (tiled) return cpu::winograd_conv2d(*this, primitives_->products, x, w, b, params, y);
    const auto plain_weights = onednn::weights_desc(w.shape(), x.dtype());
    const auto kernel = [&](int64_t images) {
      const onednn::Convolution conv{
          with_images(x, images), w.shape(), with_images(y, images), params, b.defined(), x.dtype()};
      const auto& cached = primitives_->conv_forward.get(Key() << conv, [&] {
        const auto desc = onednn::convolution_forward(conv);
        return Primitives::ConvForward{desc.src_desc(), desc.bias_desc(), desc.dst_desc(),
                                       onednn::Reorder(plain_weights, desc.weights_desc()),
                                       onednn::Primitive(dnnl::convolution_forward(desc), desc)};
      });
      return Packed(*this, cached, view(plain_weights, w));
    };
    cpu::BatchParts(x.dim(0)).run(kernel, [&](int64_t, int64_t first, const auto& packed) {
      const auto& cached = packed.kernel;
      cached.conv.run(*this, {{DNNL_ARG_SRC, view(cached.x, x, first)},
                              {DNNL_ARG_WEIGHTS, packed.weights},
                              {DNNL_ARG_BIAS, view(cached.b, b)},
                              {DNNL_ARG_DST, view(cached.y, y, first)}});
    });
  });
  // Not as oneDNN's post-operation: that turns NaN into 0, and a network that has diverged would look healthy.
  if (params.activation == Activation::relu) unary(UnaryOp::relu, y, 0.0, y);
}

// dx[n, ih, iw, i] = sum over the outputs that read it of grad * w.
void CpuBackend::conv2d_vjp_input(const Tensor& grad, const Tensor& w, const Conv2dParams& params, const Tensor& dx) {
  if (!cpu::serves(grad.dtype())) return ReferenceBackend::conv2d_vjp_input(grad, w, params, dx);
  const bool tiled = cpu::winograd_serves(w.shape(), dx.shape(), params, dx.dtype());
  if (!tiled && conv_widens(w.shape(), grad.dtype()))
    return cpu::in_f32(*this,
                       [&](auto& f32) { conv2d_vjp_input(f32.input(grad), f32.input(w), params, f32.output(dx)); });
  onednn::guarded("conv2d backward by the input", grad.shape(), [&] {
    if (tiled) return cpu::winograd_conv2d_vjp_input(*this, primitives_->products, grad, w, params, dx);
    const auto plain_weights = onednn::weights_desc(w.shape(), dx.dtype());
    const auto kernel = [&](int64_t images) {
      const onednn::Convolution conv{
          with_images(dx, images), w.shape(), with_images(grad, images), params, false, dx.dtype()};
      const auto& cached = primitives_->conv_input.get(Key() << conv, [&] {
        const auto desc = onednn::convolution_backward_data(conv);
        return Primitives::ConvInput{desc.diff_dst_desc(), desc.diff_src_desc(),
                                     onednn::Reorder(plain_weights, desc.weights_desc()),
                                     onednn::Primitive(dnnl::convolution_backward_data(desc), desc)};
      });
      return Packed(*this, cached, view(plain_weights, w));
    };
    cpu::BatchParts(dx.dim(0)).run(kernel, [&](int64_t, int64_t first, const auto& packed) {
      const auto& cached = packed.kernel;
      cached.conv.run(*this, {{DNNL_ARG_DIFF_DST, view(cached.grad, grad, first)},
                              {DNNL_ARG_WEIGHTS, packed.weights},
                              {DNNL_ARG_DIFF_SRC, view(cached.dx, dx, first)}});
    });
  });
}

// dw[o, kh, kw, i] = sum over images and outputs of grad * x; db[o] = sum of grad.
void CpuBackend::conv2d_vjp_weights(const Tensor& x, const Tensor& grad, const Conv2dParams& params, const Tensor& dw,
                                    const Tensor& db) {
  if (!cpu::serves(x.dtype())) return ReferenceBackend::conv2d_vjp_weights(x, grad, params, dw, db);
  const bool tiled = cpu::winograd_serves(dw.shape(), grad.shape(), params, x.dtype());
  const bool odd_rows = x.dtype() == DType::bf16 && grad.dim(2) % 2 != 0;
  if (!tiled && (odd_rows || conv_widens(dw.shape(), x.dtype())))
    return cpu::in_f32(*this, [&](auto& f32) { conv2d_vjp_weights(f32.input(x), f32.input(grad), params, dw, db); });
  onednn::guarded("conv2d backward by the weights", x.shape(), [&] {
    if (tiled) {
      if (db.defined()) reduce(ReduceOp::sum, grad, db.view({1, 1, 1, db.numel()}));
      return cpu::winograd_conv2d_vjp_weights(*this, primitives_->products, x, grad, params, dw);
    }
    const auto plain_weights = onednn::weights_desc(dw.shape(), DType::f32);
    const auto kernel = [&](int64_t images) -> const Primitives::ConvWeights& {
      const onednn::Convolution conv{with_images(x, images), dw.shape(), with_images(grad, images), params,
                                     db.defined(),           x.dtype()};
      return primitives_->conv_weights.get(Key() << conv, [&] {
        const auto desc = onednn::convolution_backward_weights(conv);
        return Primitives::ConvWeights{desc.src_desc(), desc.diff_dst_desc(), desc.diff_bias_desc(),
                                       onednn::Reorder(desc.diff_weights_desc(), plain_weights),
                                       onednn::Primitive(dnnl::convolution_backward_weights(desc), desc)};
      });
    };
    const cpu::BatchParts parts(x.dim(0));
    const PartialSums dw_sums(*this, dw, parts.count()), db_sums(*this, db, parts.count());
    parts.run(kernel, [&](int64_t part, int64_t first, const auto& cached) {
      Tensor packed;
      const auto target = view(plain_weights, dw_sums.of(part));
      const auto weights = cached.weights.begin(target, packed);
      cached.conv.run(*this, {{DNNL_ARG_SRC, view(cached.x, x, first)},
                              {DNNL_ARG_DIFF_DST, view(cached.grad, grad, first)},
                              {DNNL_ARG_DIFF_WEIGHTS, weights},
                              {DNNL_ARG_DIFF_BIAS, view(cached.db, db_sums.of(part))}});
      cached.weights.finish(*this, weights, target);
    });
    dw_sums.add_up();
    db_sums.add_up();
  });
}

}  // namespace cofactor
