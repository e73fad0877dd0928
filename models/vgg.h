// VGG with batch norm (Simonyan & Zisserman 2015, Very deep convolutional networks for large-scale image recognition),
// the network of the paper's experiment on Dogs vs. Cats (16 layers).
#pragma once

#include <optional>

#include "layers/init.h"
#include "layers/sequential.h"

namespace cofactor {

// The layers after the convolutions.
enum class VggHead {
  torchvision,  // average pooling to 7 x 7, then three linear layers with ReLU and dropout; for images of any size
  linear,       // one linear layer from the whole output of the last pooling, as in the published code; for one size
};

inline constexpr int64_t kVggReduction = 32;  // the factor by which five poolings reduce an image

struct VggOptions {
  int depth = 16;  // 11, 13, 16 or 19: the convolutions and three linear layers
  int64_t classes = 1000;
  VggHead head = VggHead::torchvision;
  int64_t image_height = 224, image_width = 224;  // for the linear head, which takes no other size
  double dropout = 0.5;                           // of torchvision's head
  int64_t width = 64;     // channels of the first block; the others have 2, 4, 8 and 8 times as many
  int64_t hidden = 4096;  // units of each hidden layer of torchvision's head
};

// x (N, H, W, 3), with H and W at least 32, to logits (N, classes): five blocks of 3x3 convolutions with batch norm and
// ReLU, each ending in a max pooling that halves the extents (rounding down), and the head. Names, shapes and initial
// distributions are torchvision's (vgg16_bn): features.0.weight, features.1.*, ..., where ReLU and pooling have numbers
// too; classifier.0, .3 and .6 in torchvision's head. Convolutions are initialised kaiming normal with fan_out, linear
// layers normal with a standard deviation of 0.01, and biases with 0. The linear head has classifier.weight and
// classifier.bias, with 512 floor(H / 32) floor(W / 32) columns: 8192 for images of 150 x 150. Throws Error if x has
// another shape, the depth is another, or an extent is out of range.
class Vgg : public Module {
 public:
  Vgg(Initializer& init, const VggOptions& options);
  Tensor forward(const Tensor& x) override;

 private:
  VggHead head_;
  int64_t image_height_, image_width_;
  std::shared_ptr<Sequential> features_;
  std::shared_ptr<Module> classifier_;
};

}  // namespace cofactor
