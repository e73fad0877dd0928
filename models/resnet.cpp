#include "models/resnet.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "engine/ops/layout.h"
#include "engine/ops/pool.h"

namespace cofactor {

namespace {

constexpr int64_t kBottleneckExpansion = 4;  // output channels of a bottleneck block per channel of its 3x3 convolution

std::shared_ptr<Conv2d> residual_conv(Initializer& init, int64_t in, int64_t out, int kernel, int stride = 1) {
  Conv2dOptions options = Conv2dOptions::square(in, out, kernel, stride, kernel / 2);
  options.bias = false;
  options.initial_deviation = Initializer::kaiming_deviation(out * kernel * kernel);
  return std::make_shared<Conv2d>(init, options);
}

std::shared_ptr<BatchNorm> residual_norm(Initializer& init, int64_t features, Activation activation) {
  return std::make_shared<BatchNorm>(init, BatchNormOptions{.features = features, .activation = activation});
}

// relu(branch(x) + shortcut(x)). The branch has convolutions with batch norm, and ReLU between them. The shortcut is x,
// or a 1x1 convolution with batch norm if the shapes differ.
class ResidualBlock : public Module {
 public:
  struct Shapes {
    int64_t in = 0, middle = 0, out = 0;  // channels
    int stride = 1;
  };

  ResidualBlock(Initializer& init, const Shapes& shapes, bool bottleneck) {
    const auto& [in, middle, out, stride] = shapes;
    if (bottleneck) {
      add(init, in, middle, 1, 1);
      add(init, middle, middle, 3, stride);
      add(init, middle, out, 1, 1);
    } else {
      add(init, in, middle, 3, stride);
      add(init, middle, out, 3, 1);
    }
    if (stride == 1 && in == out) return;
    downsample_ = register_module("downsample", std::make_shared<Sequential>());
    downsample_->append(residual_conv(init, in, out, 1, stride));
    downsample_->append(residual_norm(init, out, Activation::none));
  }

  Tensor forward(const Tensor& x) override {
    const Tensor shortcut = downsample_ ? (*downsample_)(x) : x;
    Tensor y = x;
    for (size_t i = 0; i + 1 < convs_.size(); ++i) y = (*norms_[i])((*convs_[i])(y));
    return norms_.back()->forward((*convs_.back())(y), shortcut);
  }

 private:
  void add(Initializer& init, int64_t in, int64_t out, int kernel, int stride) {
    const std::string number = std::to_string(convs_.size() + 1);
    convs_.push_back(register_module("conv" + number, residual_conv(init, in, out, kernel, stride)));
    norms_.push_back(register_module("bn" + number, residual_norm(init, out, Activation::relu)));
  }

  std::vector<std::shared_ptr<Conv2d>> convs_;
  std::vector<std::shared_ptr<BatchNorm>> norms_;
  std::shared_ptr<Sequential> downsample_;
};

}  // namespace

ResNetOptions ResNetOptions::of_depth(int depth, int64_t classes, ResNetStem stem) {
  static const std::map<int, std::vector<int>> kBlocks{
      {18, {2, 2, 2, 2}}, {20, {3, 3, 3}}, {34, {3, 4, 6, 3}}, {50, {3, 4, 6, 3}}};
  const auto found = kBlocks.find(depth);
  check(found != kBlocks.end(), "ResNet: a depth of {} layers, expected 18, 20, 34 or 50", depth);
  return {.blocks = found->second,
          .bottleneck = depth >= 50,
          .classes = classes,
          .stem = stem,
          .width = depth == 20 ? 16 : 64};
}

ResNet::ResNet(Initializer& init, const ResNetOptions& options) : stem_(options.stem) {
  const auto& [blocks, bottleneck, classes, stem, width] = options;
  check(!blocks.empty() && std::ranges::min(blocks) >= 1,
        "ResNet: the stages have {} blocks, expected at least one stage and at least 1 block in each",
        fmt::join(blocks, ", "));
  check(width >= 1 && classes >= 1,
        "ResNet: {} channels in the first stage and {} classes, expected at least 1 of each", width, classes);
  const bool small = stem == ResNetStem::cifar;
  conv1_ = register_module("conv1", residual_conv(init, 3, width, small ? 3 : 7, small ? 1 : 2));
  // Before the max pooling, the ReLU is fused with the pooling: they commute, and its output is a quarter of the size.
  bn1_ = register_module("bn1", residual_norm(init, width, small ? Activation::relu : Activation::none));
  int64_t in = width;
  for (size_t stage = 0; stage < blocks.size(); ++stage) {
    const int64_t middle = width << stage, out = bottleneck ? kBottleneckExpansion * middle : middle;
    stages_.push_back(register_module("layer" + std::to_string(stage + 1), std::make_shared<Sequential>()));
    for (int block = 0; block < blocks[stage]; ++block) {
      const int stride = stage > 0 && block == 0 ? 2 : 1;
      stages_[stage]->append(
          std::make_shared<ResidualBlock>(init, ResidualBlock::Shapes{in, middle, out, stride}, bottleneck));
      in = out;
    }
  }
  fc_ =
      register_module("fc", std::make_shared<Linear>(init, LinearOptions{.in_features = in, .out_features = classes}));
}

Tensor ResNet::stem(const Tensor& x) {
  const Tensor y = (*bn1_)((*conv1_)(x));
  return stem_ == ResNetStem::cifar ? y : max_pool2d(y, 3, 2, 1, Activation::relu);
}

Tensor ResNet::forward(const Tensor& x) {
  check(x.defined() && x.rank() == 4 && x.dim(1) >= 1 && x.dim(2) >= 1 && x.dim(3) == 3,
        "ResNet: x has shape {}, expected (N, H, W, 3) with H and W at least 1", x.defined() ? x.shape() : Shape{});
  Tensor y = stem(cast_input(x));
  for (const auto& stage : stages_) y = (*stage)(y);
  return cast_logits((*fc_)(flatten(adaptive_avg_pool2d(y, 1, 1))));
}

}  // namespace cofactor
