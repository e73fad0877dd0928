// Cross entropy against L_DMI on noisy labels: each label of class 0 is replaced by 1 with probability r. Beyond r =
// 0.5 most labels of class 0 are wrong, and cross entropy predicts the majority noisy label, class 1, almost
// everywhere. L_DMI loses little accuracy. As in the paper, it starts from the network that cross entropy has trained.
#include <fmt/format.h>

#include <numeric>

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

// Points of the square [-1, 1] x [-1, 1], (5000, 2).
Tensor draw_points(uint64_t seed, Device device) {
  return 2.0 * Tensor::rand({5000, 2}, {.seed = seed}, DType::f32, device) - 1.0;
}

// Their classes: 1 inside the circle of radius 0.8.
std::vector<int32_t> classes_of(const Tensor& points) {
  std::vector<int32_t> classes;
  for (const float square : sum(points * points, {1}).to_vector<float>()) classes.push_back(square < 0.64f ? 1 : 0);
  return classes;
}

// Trains on all samples in every step.
template <class LossFunction>
void train(Module& network, const Tensor& inputs, const Tensor& labels, const LossFunction& loss_of) {
  Adam optimizer(network.parameters(), {.lr = 0.01});
  for (int step = 0; step < 300; ++step) {
    const Tensor loss = loss_of(network(inputs), labels);
    optimizer.zero_grad();
    backward(loss);
    optimizer.step();
  }
}

// In percent.
double percent_correct(Module& network, const Tensor& inputs, const Tensor& labels) {
  const NoGrad no_grad;
  return 100.0 * accuracy(network(inputs), labels);
}

int main() {
  const Device device = parse_device("auto");
  const Tensor inputs = draw_points(1, device), test_inputs = draw_points(2, device);
  const Tensor test_labels = Tensor::from(classes_of(test_inputs), {5000}, device);
  std::vector<int64_t> positions(5000);
  std::iota(positions.begin(), positions.end(), 0);

  fmt::print("noise rate  cross entropy  L_DMI    (accuracy in percent on clean test labels)\n");
  for (const double rate : {0.0, 0.2, 0.4, 0.6, 0.8}) {
    const Transition noise = flip_noise(2, {{.from = 0, .to = 1}}, rate);
    const std::vector<int32_t> noisy = noise.draw_labels(classes_of(inputs), positions, {.seed = 1});
    const Tensor labels = Tensor::from(noisy, {5000}, device);

    Initializer init(device, /*seed=*/1);
    Sequential network(
        {std::make_shared<Linear>(init, 2, 32), std::make_shared<Relu>(), std::make_shared<Linear>(init, 32, 2)});
    train(network, inputs, labels, cross_entropy);
    const double before = percent_correct(network, test_inputs, test_labels);
    train(network, inputs, labels, [](const Tensor& logits, const Tensor& given) { return dmi(logits, given); });
    fmt::print("{:10.1f}  {:13.1f}  {:5.1f}\n", rate, before, percent_correct(network, test_inputs, test_labels));
  }
}
