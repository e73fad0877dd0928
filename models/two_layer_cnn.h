// The network of the paper's experiment on Fashion-MNIST (section 5.1): two convolutions and one linear layer.
#pragma once

#include "layers/conv2d.h"
#include "layers/dropout.h"
#include "layers/linear.h"

namespace cofactor {

struct TwoLayerCnnOptions {
  int64_t classes = 2;
  double dropout = 0.5;
};

// x (N, 28, 28, 1) to logits (N, classes): 5x5 convolution to 16 channels, ReLU, 2x2 max pooling, 5x5 convolution to 32
// channels, ReLU, 2x2 max pooling, dropout, and a linear layer from 4 * 4 * 32 = 512 features, as in the published
// code. The convolutions have no padding. Parameters: weight and bias of conv1, conv2 and fc, 13,248 + 513 per class
// values in all. Throws Error if x has another shape.
class TwoLayerCnn : public Module {
 public:
  explicit TwoLayerCnn(Initializer& init, const TwoLayerCnnOptions& options = {});
  Tensor forward(const Tensor& x) override;

 private:
  std::shared_ptr<Conv2d> conv1_, conv2_;
  std::shared_ptr<Dropout> dropout_;
  std::shared_ptr<Linear> fc_;
};

}  // namespace cofactor
