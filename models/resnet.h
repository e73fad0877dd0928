// ResNet (He et al. 2016, Deep residual learning for image recognition), the network of the paper's experiments on
// CIFAR-10 (34 layers) and Clothing1M (50 layers).
#pragma once

#include "layers/batch_norm.h"
#include "layers/conv2d.h"
#include "layers/linear.h"
#include "layers/sequential.h"

namespace cofactor {

// The layers before the residual blocks.
enum class ResNetStem {
  imagenet,  // a 7x7 convolution and a 3x3 max pooling, both of stride 2, as in torchvision
  cifar,     // a 3x3 convolution of stride 1, as in the published code
};

struct ResNetOptions {
  std::vector<int> blocks = {2, 2, 2, 2};  // number of blocks in each stage
  bool bottleneck = false;                 // blocks are 1x1, 3x3, 1x1 convolutions instead of 3x3, 3x3
  int64_t classes = 1000;
  ResNetStem stem = ResNetStem::imagenet;
  int64_t width = 64;  // channels of the 3x3 convolutions in the first stage, doubled with each further stage

  // ResNet-18, 34 and 50; and ResNet-20, the small one for CIFAR-10 in the paper on ResNets (section 4.2: three stages
  // of three blocks with 16, 32 and 64 channels, 0.27 million weights), here with 1x1 convolutions as shortcuts (its
  // option B). Throws Error for any other depth.
  static ResNetOptions of_depth(int depth, int64_t classes, ResNetStem stem);
};

// x (N, H, W, 3), with H and W at least 1, to logits (N, classes): the stem, stages of residual blocks (the first block
// of each stage except the first has stride 2), the average over the image, and a linear layer. Names, shapes and
// initial distributions are torchvision's: conv1.weight, bn1.*, layer1.0.conv1.weight, layer2.0.downsample.0.weight,
// fc.weight; convolutions have no bias and are initialised kaiming normal with fan_out; the stride of a bottleneck is
// that of its 3x3 convolution. Throws Error if x has another shape, a stage has no blocks, or an extent is below 1.
class ResNet : public Module {
 public:
  ResNet(Initializer& init, const ResNetOptions& options);
  Tensor forward(const Tensor& x) override;

 private:
  // The output of the stem, (N, H', W', width).
  Tensor stem(const Tensor& x);

  ResNetStem stem_;
  std::shared_ptr<Conv2d> conv1_;
  std::shared_ptr<BatchNorm> bn1_;
  std::vector<std::shared_ptr<Sequential>> stages_;
  std::shared_ptr<Linear> fc_;
};

}  // namespace cofactor
