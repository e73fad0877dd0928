// The network of the paper's Fashion-MNIST experiment: two convolutions and one linear layer.
#pragma once

#include "layers/conv2d.h"
#include "layers/dropout.h"
#include "layers/linear.h"

namespace cofactor {

struct TwoLayerCnnOptions {
  int64_t classes = 2;
  double dropout = 0.5;
};

// x (N, 28, 28, 1) to logits (N, classes): conv 5x5 to 16 channels, ReLU, max pool 2, conv 5x5 to 32 channels, ReLU,
// max pool 2, dropout, linear from 4 * 4 * 32 = 512; the convolutions without padding. Parameters: conv1, conv2 and fc,
// each with weight and bias: 13,248 + 513 for each class. Throws Error for an x of another shape.
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
