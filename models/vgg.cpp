#include "models/vgg.h"

#include <array>
#include <map>

#include "engine/ops/layout.h"
#include "engine/ops/pool.h"
#include "layers/activation.h"
#include "layers/batch_norm.h"
#include "layers/conv2d.h"
#include "layers/dropout.h"
#include "layers/linear.h"
#include "layers/pool.h"

namespace cofactor {

namespace {

constexpr int64_t kVggPooled = 7;  // height and width after the average pooling of torchvision's head
constexpr double kVggLinearDeviation = 0.01;

// The number of convolutions in each block (Simonyan & Zisserman, table 1, columns A, B, D and E).
std::array<int, 5> vgg_blocks(int depth) {
  static const std::map<int, std::array<int, 5>> kBlocks{
      {11, {1, 1, 2, 2, 2}}, {13, {2, 2, 2, 2, 2}}, {16, {2, 2, 3, 3, 3}}, {19, {2, 2, 4, 4, 4}}};
  const auto found = kBlocks.find(depth);
  check(found != kBlocks.end(), "VGG: a depth of {} layers, expected 11, 13, 16 or 19", depth);
  return found->second;
}

// The convolutional part, numbered as nn.Sequential(convolution, batch norm, ReLU, ..., pooling, ...). A ReLU is fused
// with the batch norm before it or, at the end of a block, with the pooling after it: they commute, and the output of
// the pooling is a quarter of the size.
std::shared_ptr<Sequential> vgg_features(Initializer& init, int depth, int64_t width) {
  auto features = std::make_shared<Sequential>();
  int64_t in = 3;
  int number = 0;
  const std::array<int, 5> blocks = vgg_blocks(depth);
  for (size_t block = 0; block < blocks.size(); ++block) {
    const int64_t out = width << std::min<size_t>(block, 3);
    for (int i = 0; i < blocks[block]; ++i) {
      Conv2dOptions conv = Conv2dOptions::square(in, out, 3, 1, 1);
      conv.initial_deviation = Initializer::kaiming_deviation(out * 3 * 3);
      const Activation activation = i + 1 < blocks[block] ? Activation::relu : Activation::none;
      features->append(std::to_string(number), std::make_shared<Conv2d>(init, conv));
      features->append(std::to_string(number + 1),
                       std::make_shared<BatchNorm>(init, BatchNormOptions{.features = out, .activation = activation}));
      number += 3;
      in = out;
    }
    features->append(std::to_string(number++),
                     std::make_shared<Pool2d>(Pool2dParams{
                         .kernel_h = 2, .kernel_w = 2, .stride_h = 2, .stride_w = 2, .activation = Activation::relu}));
  }
  return features;
}

// A linear layer whose input is a flattened image of `height` x `width` pixels (0: it is not).
std::shared_ptr<Linear> vgg_linear(Initializer& init, int64_t in, int64_t out, int64_t height = 0, int64_t width = 0) {
  return std::make_shared<Linear>(init, LinearOptions{.in_features = in,
                                                      .out_features = out,
                                                      .flattened_height = height,
                                                      .flattened_width = width,
                                                      .initial_deviation = kVggLinearDeviation});
}

std::shared_ptr<Module> vgg_head(Initializer& init, const VggOptions& options) {
  const int64_t channels = 8 * options.width;
  if (options.head == VggHead::linear) {
    const int64_t height = options.image_height / kVggReduction, width = options.image_width / kVggReduction;
    return vgg_linear(init, channels * height * width, options.classes, height, width);
  }
  auto head = std::make_shared<Sequential>();
  head->append(vgg_linear(init, channels * kVggPooled * kVggPooled, options.hidden, kVggPooled, kVggPooled));
  head->append(std::make_shared<Relu>()).append(std::make_shared<Dropout>(options.dropout));
  head->append(vgg_linear(init, options.hidden, options.hidden));
  head->append(std::make_shared<Relu>()).append(std::make_shared<Dropout>(options.dropout));
  head->append(vgg_linear(init, options.hidden, options.classes));
  return head;
}

}  // namespace

Vgg::Vgg(Initializer& init, const VggOptions& options)
    : head_(options.head), image_height_(options.image_height), image_width_(options.image_width) {
  check(options.width >= 1 && options.hidden >= 1 && options.classes >= 1,
        "VGG: {} channels in the first block, {} hidden units and {} classes, expected at least 1 of each",
        options.width, options.hidden, options.classes);
  check(image_height_ >= kVggReduction && image_width_ >= kVggReduction,
        "VGG: images of {} x {} pixels, expected at least {} x {}", image_height_, image_width_, kVggReduction,
        kVggReduction);
  features_ = register_module("features", vgg_features(init, options.depth, options.width));
  classifier_ = register_module("classifier", vgg_head(init, options));
}

Tensor Vgg::forward(const Tensor& x) {
  const Shape shape = x.defined() ? x.shape() : Shape{};
  check(shape.rank() == 4 && shape[1] >= kVggReduction && shape[2] >= kVggReduction && shape[3] == 3,
        "VGG: x has shape {}, expected (N, H, W, 3) with H and W at least {}", shape, kVggReduction);
  check(head_ != VggHead::linear || (shape[1] == image_height_ && shape[2] == image_width_),
        "VGG: x has shape {}, expected (N, {}, {}, 3) with the linear head", shape, image_height_, image_width_);
  Tensor y = (*features_)(cast_input(x));
  if (head_ == VggHead::torchvision) y = adaptive_avg_pool2d(y, kVggPooled, kVggPooled);
  return cast_logits((*classifier_)(flatten(y)));
}

}  // namespace cofactor
