// Cross entropy against L_DMI on noisy labels. Two moons; each label of class 0 is replaced by 1 with probability r.
// Beyond r = 0.5 most labels of class 0 are wrong: cross entropy predicts the majority noisy label, class 1,
// everywhere. L_DMI is unaffected. As in the paper, it starts from the network that cross entropy has trained.
#include <fmt/format.h>

#include <cmath>

#include "data/noise/synthetic.h"
#include "engine/autograd.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/optim/adam.h"
#include "layers/activation.h"
#include "layers/linear.h"
#include "layers/sequential.h"
#include "losses/cross_entropy.h"
#include "losses/dmi.h"

using namespace cofactor;

constexpr int64_t kSamples = 2000;

// (kSamples, 2): even samples on the upper moon, class 0, odd ones on the lower moon, class 1.
Tensor two_moons(uint32_t index, Device device) {
  const RandomKey key{.seed = 1, .index = index};
  std::vector<float> points;
  for (uint64_t i = 0; i < kSamples; ++i) {
    const double angle = 3.14159265 * random_uniform(key, 4 * i), sign = i % 2 == 0 ? 1.0 : -1.0;
    const double x = sign * std::cos(angle) + (i % 2 == 0 ? 0.0 : 1.0) + 0.1 * random_normal(key, 4 * i + 2);
    const double y = sign * std::sin(angle) + (i % 2 == 0 ? 0.0 : 0.5) + 0.1 * random_normal(key, 4 * i + 3);
    points.insert(points.end(), {static_cast<float>(x), static_cast<float>(y)});
  }
  return Tensor::from(points, {kSamples, 2}, device);
}

// Trains on all samples in every step.
template <class LossFunction>
void train(Module& network, const Tensor& inputs, const Tensor& labels, const LossFunction& loss) {
  Adam optimizer(network.parameters(), {.lr = 0.01});
  for (int step = 0; step < 300; ++step) {
    const Tensor value = loss(network(inputs), labels);
    optimizer.zero_grad();
    backward(value);
    optimizer.step();
  }
}

// In percent.
double accuracy(Module& network, const Tensor& inputs, const Tensor& labels) {
  const NoGrad no_grad;
  return 100.0 * mean(equal(cast(argmax(network(inputs)), DType::f32), cast(labels, DType::f32))).item();
}

int main() {
  const Device device = parse_device("auto");
  const Tensor train_inputs = two_moons(0, device), test_inputs = two_moons(1, device);
  std::vector<int32_t> clean;
  std::vector<int64_t> positions;
  for (int32_t i = 0; i < kSamples; ++i) clean.push_back(i % 2), positions.push_back(i);
  const Tensor test_labels = Tensor::from(clean, {kSamples}, device);

  fmt::print("noise rate  cross entropy  L_DMI    (accuracy in percent on clean test labels)\n");
  for (const double rate : {0.0, 0.2, 0.4, 0.6, 0.8}) {
    const Transition noise = flip_noise(2, {{.from = 0, .to = 1}}, rate);
    const std::vector<int32_t> noisy = noise.draw_labels(clean, positions, {.seed = 1, .purpose = Purpose::labels});
    const Tensor train_labels = Tensor::from(noisy, {kSamples}, device);

    Initializer init(device, /*seed=*/1);
    Sequential network({std::make_shared<Linear>(init, LinearOptions{.in_features = 2, .out_features = 32}),
                        std::make_shared<Relu>(),
                        std::make_shared<Linear>(init, LinearOptions{.in_features = 32, .out_features = 2})});
    train(network, train_inputs, train_labels, cross_entropy);
    const double with_cross_entropy = accuracy(network, test_inputs, test_labels);
    train(network, train_inputs, train_labels,
          [](const Tensor& logits, const Tensor& labels) { return dmi(logits, labels); });
    fmt::print("{:10.1f}  {:13.1f}  {:5.1f}\n", rate, with_cross_entropy, accuracy(network, test_inputs, test_labels));
  }
}
