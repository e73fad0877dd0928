// A small training step to record, and what every recording must satisfy.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "engine/autograd.h"
#include "engine/ops/conv.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "engine/ops/matmul.h"
#include "engine/ops/pool.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "engine/optim/sgd.h"
#include "engine/profile/recorder.h"

namespace cofactor::testing {

// Convolution, pooling, a linear layer and cross entropy on `images` images of side x side x 2, with SGD.
class SmallStep {
 public:
  explicit SmallStep(Device device, int64_t images = 4, int64_t side = 8, int64_t filters = 3)
      : x_(Tensor::randn({images, side, side, 2}, {.seed = 1}, DType::f32, device)),
        labels_(Tensor::full({images}, 1.0, DType::i32, device)) {
    const int64_t pooled = (side - 2) / 2;
    add("conv.weight", {filters, 3, 3, 2}, device);
    add("conv.bias", {filters}, device);
    add("fc.weight", {2, pooled * pooled * filters}, device);
    add("fc.bias", {2}, device);
    optimizer_ = std::make_unique<Sgd>(parameters_, SgdOptions{.lr = 0.1, .momentum = 0.9});
  }

  double run() {
    Tensor logits, loss;
    {
      const ProfileSpan span(EventKind::phase, "forward");
      const Tensor features = max_pool2d(conv2d(x_, weight(0), weight(1), {}), 2, 2, 0, Activation::relu);
      logits = linear(flatten(features), weight(2), weight(3));
    }
    {
      const ProfileSpan span(EventKind::phase, "loss");
      loss = neg(mean(gather(log_softmax(logits), labels_)));
    }
    {
      const ProfileSpan span(EventKind::phase, "backward");
      optimizer_->zero_grad();
      backward(loss);
    }
    {
      const ProfileSpan span(EventKind::phase, "optimizer");
      optimizer_->step();
    }
    return loss.item();
  }

  std::vector<float> weights() const {
    std::vector<float> all;
    for (const NamedTensor& parameter : parameters_)
      for (const float value : parameter.tensor.to_vector<float>()) all.push_back(value);
    return all;
  }

 private:
  const Tensor& weight(size_t i) const { return parameters_[i].tensor; }
  void add(const std::string& name, const Shape& shape, Device device) {
    Tensor tensor = Tensor::randn(shape, {.seed = 2 + parameters_.size()}, DType::f32, device);
    tensor.set_requires_grad(true);
    parameters_.push_back({name, tensor});
  }

  Tensor x_, labels_;
  std::vector<NamedTensor> parameters_;
  std::unique_ptr<Optimizer> optimizer_;
};

// What is wrong with how the events of each thread nest; empty where nothing is.
inline std::string nesting_error(const std::vector<ProfileEvent>& events) {
  std::vector<std::vector<ProfileEvent>> open;  // by thread
  for (const ProfileEvent& event : events) {
    if (event.begin < 0 || event.end < event.begin) return fmt::format("{} has a time below 0", event.name);
    if (event.cost.flops < 0.0 || event.cost.bytes < 0.0) return fmt::format("{} has a cost below 0", event.name);
    open.resize(std::max(open.size(), static_cast<size_t>(event.thread) + 1));
    std::vector<ProfileEvent>& around = open[static_cast<size_t>(event.thread)];
    while (!around.empty() && around.back().end <= event.begin && around.back().end < event.end) around.pop_back();
    if (!around.empty() && event.end > around.back().end)
      return fmt::format("{} ends after {}, in which it began", event.name, around.back().name);
    if (!around.empty() && event.kind < around.back().kind)
      return fmt::format("{} lies within {}", event.name, around.back().name);
    around.push_back(event);
  }
  return {};
}

}  // namespace cofactor::testing
