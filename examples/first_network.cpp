// The smallest complete training program: a two-layer network learns which points of a square lie inside a circle.
#include <fmt/format.h>

#include "engine/autograd.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/optim/adam.h"
#include "layers/activation.h"
#include "layers/linear.h"
#include "layers/sequential.h"
#include "losses/cross_entropy.h"

using namespace cofactor;

int main() {
  const Device device = parse_device("auto");  // the GPU where there is one, else the CPU

  // README: begin
  // 1,000 points of the square [-1, 1] x [-1, 1]; class 1 lies inside the circle of radius 0.8.
  const Tensor inputs = 2.0 * Tensor::rand({1000, 2}, {.seed = 1}, DType::f32, device) - 1.0;
  std::vector<int32_t> classes;
  for (const float square : sum(inputs * inputs, {1}).to_vector<float>()) classes.push_back(square < 0.64f ? 1 : 0);
  const Tensor labels = Tensor::from(classes, {1000}, device);

  Initializer init(device, /*seed=*/1);
  Sequential network(
      {std::make_shared<Linear>(init, 2, 32), std::make_shared<Relu>(), std::make_shared<Linear>(init, 32, 2)});
  Adam optimizer(network.parameters(), {.lr = 0.01});

  for (int step = 1; step <= 500; ++step) {
    const Tensor loss = cross_entropy(network(inputs), labels);
    optimizer.zero_grad();
    backward(loss);
    optimizer.step();
    if (step % 100 == 0) fmt::print("step {}: loss {:.3f}\n", step, loss.item());
  }

  fmt::print("accuracy {:.1f}%\n", 100.0 * accuracy(network(inputs), labels));
  // README: end
}
