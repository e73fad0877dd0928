// ResNet (He et al. 2016, Deep residual learning for image recognition): the network of the paper's CIFAR-10 (34
// layers) and Clothing1M (50) experiments.
#pragma once

#include "layers/batch_norm.h"
#include "layers/conv2d.h"
#include "layers/linear.h"
#include "layers/sequential.h"

namespace cofactor {

// What comes before the residual blocks. imagenet: conv 7x7 of stride 2, max pool 3x3 of stride 2 (torchvision's).
// cifar: conv 3x3 of stride 1 (the published code's).
enum class ResNetStem { imagenet, cifar };

struct ResNetOptions {
  std::vector<int> blocks = {2, 2, 2, 2};  // of each stage
  bool bottleneck = false;                 // blocks of 1x1, 3x3, 1x1 instead of 3x3, 3x3
  int64_t classes = 1000;
  ResNetStem stem = ResNetStem::imagenet;
  int64_t width = 64;  // channels of the first stage's 3x3 convolutions; each further stage has twice as many

  // ResNet-18, 34 and 50; and 20, the small one that the paper of ResNets has for CIFAR-10 (section 4.2: three stages
  // of three blocks, 16, 32 and 64 channels, 0.27 million weights), here with 1x1 convolutions as shortcuts (its option
  // B). Throws Error for another depth.
  static ResNetOptions of_depth(int depth, int64_t classes, ResNetStem stem);
};

// x (N, H, W, 3), of any H and W from 1, to logits (N, classes): the stem, the stages of residual blocks, the
// first block of every stage but the first of stride 2, the average over the image, linear. Names, shapes and initial
// distributions are torchvision's: conv1.weight, bn1.*, layer1.0.conv1.weight, layer2.0.downsample.0.weight, fc.weight;
// convolutions without bias, kaiming normal by fan_out; a bottleneck's stride is at its 3x3 convolution. Throws Error
// for an x of another shape, and for stages without blocks and extents below 1.
class ResNet : public Module {
 public:
  ResNet(Initializer& init, const ResNetOptions& options);
  Tensor forward(const Tensor& x) override;

 private:
  // The image after the stem, (N, H', W', width).
  Tensor stem(const Tensor& x);

  ResNetStem stem_;
  std::shared_ptr<Conv2d> conv1_;
  std::shared_ptr<BatchNorm> bn1_;
  std::vector<std::shared_ptr<Sequential>> stages_;
  std::shared_ptr<Linear> fc_;
};

}  // namespace cofactor
