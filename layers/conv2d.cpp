#include "layers/conv2d.h"

#include "engine/ops/conv.h"

namespace cofactor {

Conv2dOptions Conv2dOptions::square(int64_t in_channels, int64_t out_channels, int kernel, int stride, int pad) {
  return {.in_channels = in_channels,
          .out_channels = out_channels,
          .kernel_h = kernel,
          .kernel_w = kernel,
          .params = {.stride_h = stride, .stride_w = stride, .pad_h = pad, .pad_w = pad}};
}

Conv2d::Conv2d(Initializer& init, const Conv2dOptions& options) : params_(options.params) {
  const auto& [in, out, height, width, bias, params, deviation] = options;
  check(in >= 1 && out >= 1 && height >= 1 && width >= 1,
        "conv2d layer: {} input and {} output channels with a kernel of {} x {}, expected at least 1 of each", in, out,
        height, width);
  const double bound = Initializer::bound(in * height * width);
  const FileLayout layout{.kind = FileLayout::Kind::conv_weight};
  const Shape shape{out, height, width, in};
  weight_ = register_weight(
      "weight", deviation ? init.normal(shape, *deviation, layout) : init.uniform(shape, bound, layout), layout);
  if (bias) bias_ = register_parameter("bias", deviation ? init.constant({out}, 0.0) : init.uniform({out}, bound));
}

Tensor Conv2d::forward(const Tensor& x) {
  return conv2d(x, weight_, bias_, params_);
}

Tensor Conv2d::forward_global_max(const Tensor& x) {
  return conv2d_global_max(x, weight_, bias_, params_);
}

}  // namespace cofactor
