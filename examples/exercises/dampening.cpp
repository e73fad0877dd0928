// Exercise 7: momentum with and without dampening.
#include <fmt/format.h>

#include "engine/autograd.h"
#include "engine/ops/elementwise.h"
#include "engine/optim/sgd.h"

using namespace cofactor;

// Descends a slope of 1; how far w moves in each step.
std::vector<double> moves(const SgdOptions& options) {
  Tensor w = Tensor::zeros({}, DType::f64, kHost);
  w.set_requires_grad(true);
  Sgd optimizer({{"w", w}}, options);
  std::vector<double> result;
  for (int step = 1; step <= 50; ++step) {
    const double before = w.item();
    const Tensor loss = 1.0 * w;  // the gradient is 1 everywhere
    optimizer.zero_grad();
    backward(loss);
    optimizer.step();
    result.push_back(before - w.item());
  }
  return result;
}

int main() {
  const std::vector<double> plain = moves({.lr = 0.1});
  const std::vector<double> heavy = moves({.lr = 0.1, .momentum = 0.9});
  const std::vector<double> dampened = moves({.lr = 0.1, .momentum = 0.9, .dampening = 0.9});
  fmt::print("step  no momentum  momentum 0.9  and dampening 0.9\n");
  for (const size_t step : {1u, 2u, 3u, 10u, 50u})
    fmt::print("{:4}  {:11.4f}  {:12.4f}  {:17.4f}\n", step, plain[step - 1], heavy[step - 1], dampened[step - 1]);
}
