// Convolution: Winograd's minimal filtering where that is faster (winograd.h), else oneDNN. Images are NHWC; the
// weights are reordered from OHWI to the layout that oneDNN's kernel asks for (and their gradient back), which takes
// microseconds.
#include <vector>

#include "engine/backends/cpu/batch_parts.h"
#include "engine/backends/cpu/dispatch.h"
#include "engine/backends/cpu/in_f32.h"
#include "engine/backends/cpu/primitives.h"
#include "engine/backends/cpu/winograd.h"
#include "engine/elementwise_ops.h"

namespace cofactor {

using cpu::with_images;
using onednn::Key;
using onednn::view;

namespace {

// The way a convolution, or one of its gradients, is computed.
enum class ConvPath {
  reference,  // plain loops: dtypes that this backend has no code for
  winograd,
  onednn,
  onednn_in_f32,  // bf16 tensors, converted to f32 and back (in_f32.h)
};

// The path for weights w (O, KH, KW, I). `tiled` is the image that Winograd's filtering cuts into tiles: y, or dx in
// the input's gradient.
//
// Processors that multiply bf16 do so in pairs: of channels, and in the weight gradient of neighbours in a row of y
// (`pairs_in_rows`: that row's length, else 0). With an odd number oneDNN pairs the last one with whatever follows it
// in memory, where a NaN would spread; and oneDNN 2.6's input gradient is wrong for an odd number of channels.
ConvPath conv_path(const Shape& w, const Shape& tiled, const Conv2dParams& params, DType dtype,
                   int64_t pairs_in_rows = 0) {
  if (!cpu::serves(dtype)) return ConvPath::reference;
  if (cpu::winograd_serves(w, tiled, params, dtype)) return ConvPath::winograd;
  const bool odd = w[0] % 2 != 0 || w[3] % 2 != 0 || pairs_in_rows % 2 != 0;
  return cpu::widens(dtype) || (dtype == DType::bf16 && odd) ? ConvPath::onednn_in_f32 : ConvPath::onednn;
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
  const ConvPath path = conv_path(w.shape(), y.shape(), params, x.dtype());
  if (path == ConvPath::reference) return ReferenceBackend::conv2d(x, w, b, params, y);
  if (path == ConvPath::onednn_in_f32)
    return cpu::in_f32(*this, [&](auto& f32) { conv2d(f32.input(x), f32.input(w), b, params, f32.output(y)); });
  onednn::guarded("conv2d", x.shape(), [&] {
    if (path == ConvPath::winograd) return cpu::winograd_conv2d(*this, primitives_->products, x, w, b, params, y);
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
  if (params.activation == Activation::relu) unary(op_of<ReluOp>, y, 0.0, y);
}

// dx[n, ih, iw, i] = sum over the outputs that read it of grad * w.
void CpuBackend::conv2d_vjp_input(const Tensor& grad, const Tensor& w, const Conv2dParams& params, const Tensor& dx) {
  const ConvPath path = conv_path(w.shape(), dx.shape(), params, dx.dtype());
  if (path == ConvPath::reference) return ReferenceBackend::conv2d_vjp_input(grad, w, params, dx);
  if (path == ConvPath::onednn_in_f32)
    return cpu::in_f32(*this,
                       [&](auto& f32) { conv2d_vjp_input(f32.input(grad), f32.input(w), params, f32.output(dx)); });
  onednn::guarded("conv2d input gradient", grad.shape(), [&] {
    if (path == ConvPath::winograd)
      return cpu::winograd_conv2d_vjp_input(*this, primitives_->products, grad, w, params, dx);
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
  if (dw.dtype() == DType::bf16)  // sums over parts of the batch are wide
    return cpu::in_f32(*this, [&](auto& f32) { conv2d_vjp_weights(x, grad, params, f32.output(dw), db); });
  const ConvPath path = conv_path(dw.shape(), grad.shape(), params, x.dtype(), grad.dim(2));
  if (path == ConvPath::reference) return ReferenceBackend::conv2d_vjp_weights(x, grad, params, dw, db);
  if (path == ConvPath::onednn_in_f32)
    return cpu::in_f32(*this, [&](auto& f32) { conv2d_vjp_weights(f32.input(x), f32.input(grad), params, dw, db); });
  onednn::guarded("conv2d weight gradient", x.shape(), [&] {
    if (path == ConvPath::winograd) {
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
