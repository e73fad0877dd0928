// A loss of your own is a formula of ops, and its gradient follows from theirs: the focal loss (Lin et al., Focal Loss
// for Dense Object Detection, ICCV 2017), which gives samples that are already classified well less weight.
#include <fmt/format.h>

#include "engine/autograd.h"
#include "engine/gradient_check.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/matmul.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "engine/optim/adam.h"
#include "layers/linear.h"

using namespace cofactor;

// The mean over the batch of -(1 - p)^gamma log p, p being the softmax probability of the sample's label; a scalar.
// logits (N, C), labels (N) i32; gamma >= 1, or 0, which is cross entropy.
Tensor focal_loss(const Tensor& logits, const Tensor& labels, double gamma) {
  const Tensor log_p = gather(log_softmax(logits), labels);
  return -mean(pow(1.0 - exp(log_p), gamma) * log_p);
}

int main() {
  // The gradient of backward() against central differences, in f64, for three samples and four classes.
  const Tensor logits = Tensor::randn({3, 4}, {.seed = 1}, DType::f64, kHost);
  const Tensor three_labels = Tensor::from({0, 3, 1}, {3}, kHost);
  const auto loss_of = [&](const std::vector<Tensor>& in) { return focal_loss(in[0], three_labels, /*gamma=*/2.0); };
  fmt::print("relative error of the gradient: {:.1e}\n", gradient_error(loss_of, {logits}));

  // Three Gaussian blobs in the plane, of which the third is rare, and a linear classifier.
  const Device device = parse_device("auto");
  constexpr int64_t kSamples = 1000;
  std::vector<int32_t> classes;
  for (int32_t i = 0; i < kSamples; ++i) classes.push_back(i % 20 == 0 ? 2 : i % 2);
  const Tensor labels = Tensor::from(classes, {kSamples}, device);
  const Tensor centres = Tensor::from({-3.0f, 0.0f, 0.0f, 3.0f, 3.0f, 0.0f}, {3, 2}, device);
  const Tensor inputs =
      matmul(one_hot(labels, 3, DType::f32), centres) + Tensor::randn({kSamples, 2}, {.seed = 1}, DType::f32, device);

  Initializer init(device, /*seed=*/1);
  Linear network(init, 2, 3);
  Adam optimizer(network.parameters(), {.lr = 0.05});
  for (int step = 1; step <= 300; ++step) {
    const Tensor loss = focal_loss(network(inputs), labels, /*gamma=*/2.0);
    optimizer.zero_grad();
    backward(loss);
    optimizer.step();
    if (step % 100 == 0) fmt::print("step {}: focal loss {:.4f}\n", step, loss.item());
  }
  fmt::print("accuracy {:.1f}%\n", 100.0 * accuracy(network(inputs), labels));
}
