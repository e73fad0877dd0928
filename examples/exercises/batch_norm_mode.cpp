// Exercise 8: batch norm in evaluation mode while the network trains.
#include <fmt/format.h>

#include "engine/autograd.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/optim/sgd.h"
#include "layers/batch_norm.h"
#include "layers/linear.h"
#include "layers/sequential.h"

using namespace cofactor;

void train(bool training) {
  // 100 inputs of mean 5 and deviation 2, whose targets are (x - 5) / 2.
  const Tensor x = 2.0 * Tensor::randn({100, 1}, {.seed = 1}, DType::f64, kHost) + 5.0;
  const Tensor target = (x - 5.0) / 2.0;
  Initializer init(kHost, /*seed=*/1, DType::f64);
  const auto norm = std::make_shared<BatchNorm>(init, BatchNormOptions{.features = 1});
  Sequential network({norm, std::make_shared<Linear>(init, 1, 1)});
  network.train(training);
  Sgd optimizer(network.parameters(), {.lr = 0.1});
  const auto loss_now = [&] {
    const Tensor difference = network(x) - target;
    return mean(difference * difference);
  };
  fmt::print("{} mode while training: losses", training ? "training" : "evaluation");
  for (int step = 1; step <= 4; ++step) {
    const Tensor loss = loss_now();
    optimizer.zero_grad();
    backward(loss);
    optimizer.step();
    fmt::print(" {:.4g}", loss.item());
  }
  network.eval();
  fmt::print("\n  afterwards: running mean {:.4f}, loss in evaluation mode {:.4g}\n", norm->buffers()[0].tensor.item(),
             loss_now().item());
}

int main() {
  train(true);
  train(false);
}
