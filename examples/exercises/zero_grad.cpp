// Exercise 1: a training loop without zero_grad().
#include <fmt/format.h>

#include "engine/autograd.h"
#include "engine/ops/elementwise.h"
#include "engine/optim/sgd.h"

using namespace cofactor;

// Gradient descent on w^2 / 2 from w = 1; w after each step.
std::vector<double> descend(bool cleared) {
  Tensor w = Tensor::full({}, 1.0, DType::f64, kHost);
  w.set_requires_grad(true);
  Sgd optimizer({{"w", w}}, {.lr = 0.1});
  std::vector<double> path;
  for (int step = 1; step <= 60; ++step) {
    const Tensor loss = 0.5 * w * w;
    if (cleared) optimizer.zero_grad();
    backward(loss);
    optimizer.step();
    path.push_back(w.item());
  }
  return path;
}

int main() {
  const std::vector<double> with = descend(true), without = descend(false);
  fmt::print("step  w with zero_grad  w without\n");
  for (const size_t step : {1u, 2u, 3u, 5u, 10u, 20u, 40u, 60u})
    fmt::print("{:4}  {:16.4f}  {:9.4f}\n", step, with[step - 1], without[step - 1]);
}
