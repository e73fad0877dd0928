// Exercise 3: the sum of the samples' losses in place of their mean.
#include <fmt/format.h>

#include "engine/autograd.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/optim/adam.h"
#include "engine/optim/sgd.h"

using namespace cofactor;

// Fits a line through the origin to 100 samples of y = 2 x, from slope 0.
template <class AnyOptimizer>
void fit(const char* name, bool summed, double lr) {
  const Tensor x = Tensor::rand({100}, {.seed = 1}, DType::f64, kHost);
  const Tensor y = 2.0 * x;
  Tensor slope = Tensor::zeros({}, DType::f64, kHost);
  slope.set_requires_grad(true);
  AnyOptimizer optimizer({{"slope", slope}}, {.lr = lr});
  fmt::print("{:4} of {:4}  lr {:6.4f} ", name, summed ? "sum" : "mean", lr);
  for (int step = 1; step <= 20; ++step) {
    const Tensor difference = slope * x - y;
    const Tensor loss = summed ? sum(difference * difference) : mean(difference * difference);
    optimizer.zero_grad();
    backward(loss);
    if (step == 1) fmt::print(" gradient {:9.4f}  slope", slope.grad().item());
    optimizer.step();
    if (step <= 2 || step == 20) fmt::print(" {:.6g}", slope.item());
  }
  fmt::print("\n");
}

int main() {
  fit<Sgd>("SGD", false, 0.5);
  fit<Sgd>("SGD", true, 0.5);
  fit<Sgd>("SGD", true, 0.005);
  fit<Adam>("Adam", false, 0.1);
  fit<Adam>("Adam", true, 0.1);
}
