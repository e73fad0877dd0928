// Exercise 9: L_DMI on a batch without a sample of some class.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/autograd.h"
#include "engine/optim/sgd.h"
#include "losses/dmi.h"

using namespace cofactor;

// The largest absolute value.
double largest(const Tensor& x) {
  double result = 0.0;
  for (const double value : x.to_vector<double>()) result = std::max(result, std::abs(value));
  return result;
}

int main() {
  Tensor logits = Tensor::randn({4, 3}, {.seed = 1}, DType::f64, kHost);
  logits.set_requires_grad(true);
  const Tensor whole = Tensor::from({0, 1, 2, 2}, {4}, kHost);
  const Tensor without_2 = Tensor::from({0, 1, 0, 1}, {4}, kHost);

  fmt::print("exact loss {}\n", dmi(logits, without_2).item());
  const DmiOptions smoothed{.epsilon = 0.001};
  const Tensor loss = dmi(logits, without_2, smoothed);
  backward(loss);
  fmt::print("smoothed loss {:.4f}, largest gradient {:.4f}\n", loss.item(), largest(logits.grad()));

  // One step on a whole batch, then one on the batch without class 2.
  Sgd optimizer({{"logits", logits}}, {.lr = 0.1, .momentum = 0.9});
  for (const Tensor& labels : {whole, without_2}) {
    const std::vector<double> before = logits.to_vector<double>();
    optimizer.zero_grad();
    backward(dmi(logits, labels, smoothed));
    optimizer.step();
    fmt::print("the first logit moves by {:.6f}\n", logits.to_vector<double>()[0] - before[0]);
  }
  const Batch batch{.inputs = {}, .labels = without_2, .host_labels = {0, 1, 0, 1}, .indices = {}};
  fmt::print("the trainer skips the batch: {}\n", DmiLoss(smoothed).skips(batch, 3) ? "yes" : "no");
}
