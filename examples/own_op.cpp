// An op of your own with its gradient: the cumulative sum of each row. Its forward is a plain loop on the host;
// record() puts it on the tape with its vector-Jacobian product. gradient_error() compares that with central
// differences.
#include <fmt/format.h>

#include <iterator>
#include <numeric>

#include "engine/autograd.h"
#include "engine/gradient_check.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/optim/adam.h"
#include "engine/random.h"

using namespace cofactor;

// Row by row, y_j = x_0 + ... + x_j; from the end of the row where `reverse` is set, y_j = x_j + ... + x_{C-1}.
Tensor summed_rows(const Tensor& x, bool reverse) {
  const Tensor y = x.to(kHost).clone();
  dispatch_float(x.dtype(), "cumulative_sum", [&]<class T>() {
    for (int64_t row = 0; row < x.dim(0); ++row) {
      T* first = y.data<T>() + row * x.dim(1);
      T* last = first + x.dim(1);
      if (reverse) {
        std::partial_sum(std::reverse_iterator(last), std::reverse_iterator(first), std::reverse_iterator(last));
      } else {
        std::partial_sum(first, last, first);
      }
    }
  });
  return y.to(x.device());
}

// x (N, C) in f32 or f64 to y (N, C), y_nj = sum_{i <= j} x_ni.
// x_ni enters y_nj for every j >= i, so dL/dx_ni = sum_{j >= i} dL/dy_nj: the gradient, summed from the end.
Tensor cumulative_sum(const Tensor& x) {
  check(x.rank() == 2, "cumulative_sum: x has shape {}, expected (N, C)", x.shape());
  return record(summed_rows(x, false), "cumulative_sum", {x},
                [](const Tensor& grad) -> std::vector<Tensor> { return {summed_rows(grad, true)}; });
}

int main() {
  const Tensor x = Tensor::randn({2, 3}, {.seed = 1}, DType::f64, kHost);
  const auto op = [](const std::vector<Tensor>& in) { return cumulative_sum(in[0]); };
  fmt::print("relative error of the gradient: {:.1e}\n", gradient_error(op, {x}));

  // In use: the cumulative sum of exp(w) is an increasing sequence. It is fitted to noisy squares.
  const Tensor squares =
      Tensor::from({0.0f, 0.01f, 0.04f, 0.09f, 0.16f, 0.25f, 0.36f, 0.49f, 0.64f, 0.81f}, {1, 10}, kHost);
  const Tensor target = squares + 0.05 * Tensor::randn({1, 10}, {.seed = 1}, DType::f32, kHost);
  Tensor w = Tensor::full({1, 10}, -2.0, DType::f32, kHost);
  w.set_requires_grad(true);
  Adam optimizer({{"w", w}}, {.lr = 0.05});
  for (int step = 0; step < 500; ++step) {
    const Tensor difference = cumulative_sum(exp(w)) - target;
    const Tensor loss = mean(difference * difference);
    optimizer.zero_grad();
    backward(loss);
    optimizer.step();
    if (step % 100 == 99) fmt::print("step {}: mean squared error {:.5f}\n", step + 1, loss.item());
  }
  for (const float value : cumulative_sum(exp(w)).to_vector<float>()) fmt::print("{:.3f} ", value);
  fmt::print("\n");
}
