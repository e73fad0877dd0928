#include "models/two_layer_cnn.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "engine/ops/pool.h"

namespace cofactor {

TwoLayerCnn::TwoLayerCnn(Initializer& init, const TwoLayerCnnOptions& options)
    : conv1_(register_module("conv1", std::make_shared<Conv2d>(init, Conv2dOptions::square(1, 16, 5)))),
      conv2_(register_module("conv2", std::make_shared<Conv2d>(init, Conv2dOptions::square(16, 32, 5)))),
      dropout_(register_module("dropout", std::make_shared<Dropout>(options.dropout))),
      fc_(register_module("fc", std::make_shared<Linear>(init, LinearOptions{.in_features = 512,
                                                                             .out_features = options.classes,
                                                                             .flattened_height = 4,
                                                                             .flattened_width = 4}))) {}

Tensor TwoLayerCnn::forward(const Tensor& x) {
  check(x.defined() && x.rank() == 4 && x.dim(1) == 28 && x.dim(2) == 28 && x.dim(3) == 1,
        "two-layer CNN: x has shape {}, expected (N, 28, 28, 1)", x.defined() ? x.shape() : Shape{});
  // The published code has convolution, ReLU, pooling. Max and ReLU commute exactly, including gradients (in either
  // order the gradient goes to the largest value of a window if it is positive), so the ReLU is fused with the pooling,
  // whose output is a quarter of the size.
  Tensor y = max_pool2d((*conv1_)(cast_input(x)), 2, 2, 0, Activation::relu);
  y = max_pool2d((*conv2_)(y), 2, 2, 0, Activation::relu);
  return cast_logits((*fc_)((*dropout_)(flatten(y))));
}

}  // namespace cofactor
