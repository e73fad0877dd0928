// Exercise 2: ten times the learning rate.
#include <fmt/format.h>

#include "engine/autograd.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/optim/sgd.h"

using namespace cofactor;

// A loss of two parameters with curvature 1 along the first and 10 along the second, from (1, 1).
void descend(double lr) {
  const Tensor curvature = Tensor::from({1.0, 10.0}, {2}, kHost);
  Tensor w = Tensor::full({2}, 1.0, DType::f64, kHost);
  w.set_requires_grad(true);
  Sgd optimizer({{"w", w}}, {.lr = lr});
  for (int step = 0; step <= 4; ++step) {
    const Tensor loss = 0.5 * sum(curvature * w * w);
    const std::vector<double> at = w.to_vector<double>();
    fmt::print("lr {:4.2f}  step {}  w ({:.4f}, {:.4f})  loss {:.6g}\n", lr, step, at[0], at[1], loss.item());
    optimizer.zero_grad();
    backward(loss);
    optimizer.step();
  }
}

int main() {
  descend(0.15);
  descend(1.5);
}
