// Exercise 10: all labels exchanged: 0 becomes 1, 1 becomes 2, 2 becomes 0.
#include <fmt/format.h>

#include "engine/autograd.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/matmul.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "engine/optim/adam.h"
#include "layers/linear.h"
#include "losses/cross_entropy.h"
#include "losses/dmi.h"

using namespace cofactor;

template <class LossFunction>
void train(Module& network, const Tensor& inputs, const Tensor& labels, const LossFunction& loss_of) {
  Adam optimizer(network.parameters(), {.lr = 0.05});
  for (int step = 0; step < 200; ++step) {
    const Tensor loss = loss_of(network(inputs), labels);
    optimizer.zero_grad();
    backward(loss);
    optimizer.step();
  }
}

int main() {
  // Three Gaussian blobs in the plane.
  std::vector<int32_t> classes, exchanged;
  for (int32_t i = 0; i < 300; ++i) {
    classes.push_back(i % 3);
    exchanged.push_back((i + 1) % 3);
  }
  const Tensor labels = Tensor::from(classes, {300}, kHost), permuted = Tensor::from(exchanged, {300}, kHost);
  const Tensor centres = Tensor::from({-3.0, 0.0, 0.0, 3.0, 3.0, 0.0}, {3, 2}, kHost);
  const Tensor inputs =
      matmul(one_hot(labels, 3, DType::f64), centres) + Tensor::randn({300, 2}, {.seed = 1}, DType::f64, kHost);
  const auto dmi_loss = [](const Tensor& logits, const Tensor& given) { return dmi(logits, given); };

  for (const bool by_dmi : {false, true}) {
    Initializer init(kHost, /*seed=*/1, DType::f64);
    Linear network(init, 2, 3);
    train(network, inputs, labels, cross_entropy);
    const Tensor logits = network(inputs).detach();
    const auto value = [&](const Tensor& given) {
      return (by_dmi ? dmi(logits, given) : cross_entropy(logits, given)).item();
    };
    fmt::print("{:13}  loss {:.4f}, of permuted labels {:.4f}", by_dmi ? "L_DMI" : "cross entropy", value(labels),
               value(permuted));
    if (by_dmi)
      train(network, inputs, permuted, dmi_loss);
    else
      train(network, inputs, permuted, cross_entropy);
    fmt::print("  accuracy {:.1f}% before, {:.1f}% after training on them\n", 100.0 * accuracy(logits, labels),
               100.0 * accuracy(network(inputs), labels));
  }
}
