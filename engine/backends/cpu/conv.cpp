// Convolution by oneDNN. Images are NHWC; the weights are brought from OHWI into the layout that oneDNN's kernel wants
// (and their gradient back), which costs microseconds beside the convolution.
#include "engine/backends/cpu/primitives.h"

namespace cofactor {

using onednn::Key;
using onednn::view;

// y = activation(conv(x, w) + b): x (N, H, W, I), w (O, KH, KW, I), b (O), y (N, OH, OW, O).
void CpuBackend::conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params,
                        const Tensor& y) {
  if (x.dtype() != DType::f32) return ReferenceBackend::conv2d(x, w, b, params, y);
  onednn::guarded("conv2d", x.shape(), [&] {
    const Key key = Key() << x.shape() << w.shape() << b.defined() << params;
    auto& cached = primitives_->conv_forward.get(key, [&] {
      const auto desc = onednn::convolution_forward(x.shape(), w.shape(), b.defined(), params, y.shape());
      return Primitives::ConvForward{desc.src_desc(), desc.bias_desc(), desc.dst_desc(),
                                     onednn::Reorder(onednn::weights_desc(w.shape()), desc.weights_desc()),
                                     onednn::Primitive(dnnl::convolution_forward(desc), desc)};
    });
    Tensor packed;
    const auto weights = cached.weights.apply(*this, view(onednn::weights_desc(w.shape()), w), packed);
    cached.conv.run(*this, {{DNNL_ARG_SRC, view(cached.x, x)},
                            {DNNL_ARG_WEIGHTS, weights},
                            {DNNL_ARG_BIAS, view(cached.b, b)},
                            {DNNL_ARG_DST, view(cached.y, y)}});
  });
  // Not as oneDNN's post-operation: that turns NaN into 0, and a network that has diverged would look healthy.
  if (params.activation == Activation::relu) unary(UnaryOp::relu, y, 0.0, y);
}

// dx[n, ih, iw, i] = sum over the outputs that read it of grad * w.
void CpuBackend::conv2d_vjp_input(const Tensor& grad, const Tensor& w, const Conv2dParams& params, const Tensor& dx) {
  if (grad.dtype() != DType::f32) return ReferenceBackend::conv2d_vjp_input(grad, w, params, dx);
  onednn::guarded("conv2d backward by the input", grad.shape(), [&] {
    const Key key = Key() << dx.shape() << w.shape() << params;
    auto& cached = primitives_->conv_input.get(key, [&] {
      const auto desc = onednn::convolution_backward_data(dx.shape(), w.shape(), params, grad.shape());
      return Primitives::ConvInput{desc.diff_dst_desc(), desc.diff_src_desc(),
                                   onednn::Reorder(onednn::weights_desc(w.shape()), desc.weights_desc()),
                                   onednn::Primitive(dnnl::convolution_backward_data(desc), desc)};
    });
    Tensor packed;
    const auto weights = cached.weights.apply(*this, view(onednn::weights_desc(w.shape()), w), packed);
    cached.conv.run(*this, {{DNNL_ARG_DIFF_DST, view(cached.grad, grad)},
                            {DNNL_ARG_WEIGHTS, weights},
                            {DNNL_ARG_DIFF_SRC, view(cached.dx, dx)}});
  });
}

// dw[o, kh, kw, i] = sum over images and outputs of grad * x; db[o] = sum of grad.
void CpuBackend::conv2d_vjp_weights(const Tensor& x, const Tensor& grad, const Conv2dParams& params, const Tensor& dw,
                                    const Tensor& db) {
  if (x.dtype() != DType::f32) return ReferenceBackend::conv2d_vjp_weights(x, grad, params, dw, db);
  onednn::guarded("conv2d backward by the weights", x.shape(), [&] {
    const Key key = Key() << x.shape() << dw.shape() << db.defined() << params;
    auto& cached = primitives_->conv_weights.get(key, [&] {
      const auto desc = onednn::convolution_backward_weights(x.shape(), dw.shape(), db.defined(), params, grad.shape());
      return Primitives::ConvWeights{desc.src_desc(), desc.diff_dst_desc(), desc.diff_bias_desc(),
                                     onednn::Reorder(desc.diff_weights_desc(), onednn::weights_desc(dw.shape())),
                                     onednn::Primitive(dnnl::convolution_backward_weights(desc), desc)};
    });
    Tensor packed;
    const auto target = view(onednn::weights_desc(dw.shape()), dw);
    const auto weights = cached.weights.begin(target, packed);
    cached.conv.run(*this, {{DNNL_ARG_SRC, view(cached.x, x)},
                            {DNNL_ARG_DIFF_DST, view(cached.grad, grad)},
                            {DNNL_ARG_DIFF_WEIGHTS, weights},
                            {DNNL_ARG_DIFF_BIAS, view(cached.db, db)}});
    cached.weights.finish(*this, weights, target);
  });
}

}  // namespace cofactor
