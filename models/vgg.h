// VGG with batch norm (Simonyan & Zisserman 2015, Very deep convolutional networks for large-scale image recognition):
// the network of the paper's Dogs vs. Cats experiment (16 layers).
#pragma once

#include <optional>

#include "layers/init.h"
#include "layers/sequential.h"

namespace cofactor {

// What comes after the convolutions. torchvision: an average pooling to 7 x 7, three linear layers with ReLU and
// dropout between them; for images of any size. linear: one linear layer from all of the last pooling (the published
// code's); for images of one size.
enum class VggHead { torchvision, linear };

inline constexpr int64_t kVggReduction = 32;  // five poolings halve an image

struct VggOptions {
  int depth = 16;  // 11, 13, 16 or 19: the convolutions, and three
  int64_t classes = 1000;
  VggHead head = VggHead::torchvision;
  int64_t image_height = 224, image_width = 224;  // the linear head takes no other
  double dropout = 0.5;                           // of torchvision's head
  int64_t width = 64;     // channels of the first block; the further ones have 2, 4, 8 and 8 times as many
  int64_t hidden = 4096;  // units of each hidden layer of torchvision's head
};

// x (N, H, W, 3) to logits (N, classes), H and W at least 32: five blocks of 3x3 convolutions with batch norm and ReLU,
// each ending in a max pooling that halves the extents (rounding down), and the head. Names, shapes and initial
// distributions are torchvision's (vgg16_bn): features.0.weight, features.1.*, ... numbered with the places of ReLU and
// pooling; convolutions kaiming normal by fan_out, linear layers normal with deviation 0.01, biases 0; the head's
// classifier.0, .3 and .6, or classifier.weight and classifier.bias for the linear one: 512 floor(H / 32) floor(W / 32)
// columns, 8192 for 150 x 150. Throws Error for an x of another shape, another depth, and extents out of range.
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
