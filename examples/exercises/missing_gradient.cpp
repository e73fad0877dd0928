// Exercise 5: an op that returns no gradient for one of its inputs.
#include <fmt/format.h>

#include "engine/autograd.h"
#include "engine/gradient_check.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/optim/sgd.h"

using namespace cofactor;

// y_nc = x_nc s_c: x (N, C), s (C). dL/dx_nc = g_nc s_c, and dL/ds_c is the sum over n of g_nc x_nc.
Tensor scaled(const Tensor& x, const Tensor& s, bool complete) {
  return record(x.detach() * s.detach(), "scaled", {x, s},
                [x = x.detach(), s = s.detach(), complete](const Tensor& grad) -> std::vector<Tensor> {
                  if (!complete) return {grad * s, Tensor()};  // no gradient for s
                  return {grad * s, grad * x};                 // the tape sums over n
                });
}

void check_gradient(bool complete) {
  const Tensor x = Tensor::randn({4, 2}, {.seed = 1}, DType::f64, kHost);
  const Tensor s = Tensor::from({1.5, -0.5}, {2}, kHost);
  const auto op = [complete](const std::vector<Tensor>& in) { return scaled(in[0], in[1], complete); };
  const GradientComparison worst = compare_gradients(op, {x, s}, {.each_element = true});
  if (worst.error < 1e-6)
    fmt::print("  the gradient check passes\n");
  else
    fmt::print("  input {}, element {}: backward {:.4f}, difference {:.4f}\n", worst.input, worst.element,
               worst.backward, worst.difference);
}

// Fits w and s of scaled(x w, s) to y = 6 x.
void fit(bool complete) {
  const Tensor x = Tensor::rand({50, 1}, {.seed = 1}, DType::f64, kHost);
  Tensor w = Tensor::full({1}, 1.0, DType::f64, kHost), s = Tensor::full({1}, 1.0, DType::f64, kHost);
  w.set_requires_grad(true);
  s.set_requires_grad(true);
  Sgd optimizer({{"w", w}, {"s", s}}, {.lr = 0.1});
  for (int step = 0; step < 200; ++step) {
    const Tensor difference = scaled(x * w, s, complete) - 6.0 * x;
    const Tensor loss = mean(difference * difference);
    optimizer.zero_grad();
    backward(loss);
    optimizer.step();
    if (step == 0 || step == 199) fmt::print("  step {}: loss {:.4f}\n", step + 1, loss.item());
  }
  fmt::print("  w {:.4f}, s {:.4f}\n", w.item(), s.item());
}

int main() {
  for (const bool complete : {true, false}) {
    fmt::print("{}\n", complete ? "both gradients" : "no gradient for s");
    check_gradient(complete);
    fit(complete);
  }
}
