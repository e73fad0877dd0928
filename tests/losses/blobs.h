// A small problem with class-conditional label noise whose clean answer is known: Gaussian blobs in the plane, and a
// linear softmax classifier.
#pragma once

#include <array>
#include <vector>

#include "data/noise/synthetic.h"
#include "engine/ops/matmul.h"
#include "engine/ops/reduce.h"
#include "engine/optim/adam.h"
#include "engine/optim/sgd.h"
#include "losses/loss.h"
#include "tests/losses/helpers.h"

namespace cofactor::testing {

// Balanced blobs of unit variance around corners of a triangle, sample i of class i % 3.
struct Blobs {
  static constexpr std::array<std::array<double, 2>, 3> kCentres{{{0.0, 3.0}, {-2.6, -1.5}, {2.6, -1.5}}};

  Blobs(int64_t samples, const std::vector<double>& transition, uint32_t index) : clean(cycling_labels(samples, 3)) {
    const RandomKey key{.seed = 20190913, .purpose = Purpose::test, .index = index, .step = 0};
    std::vector<double> points;
    std::vector<int64_t> positions;
    for (size_t i = 0; i < clean.size(); ++i) {
      for (size_t axis = 0; axis < 2; ++axis)
        points.push_back(kCentres[static_cast<size_t>(clean[i])][axis] + random_normal(key, 2 * i + axis));
      positions.push_back(static_cast<int64_t>(i));
    }
    inputs = Tensor::from(points, {samples, 2}, Device::reference);
    noisy = Transition(3, transition).draw_labels(clean, positions, {.seed = 3, .purpose = Purpose::labels});
  }

  // These samples with noisy labels; a sample's place in the data set is 10 times its place here plus 5.
  Batch batch(int64_t first, int64_t count) const {
    Batch result;
    const double* point = inputs.data<double>() + 2 * first;
    result.inputs = Tensor::from(std::vector<double>(point, point + 2 * count), {count, 2}, Device::reference);
    result.host_labels.assign(noisy.begin() + first, noisy.begin() + first + count);
    result.labels = label_tensor(result.host_labels);
    for (int64_t i = first; i < first + count; ++i) result.indices.push_back(10 * i + 5);
    return result;
  }
  // Of the clean classes: log Pr[class | x] but for a constant, which is linear in x.
  std::vector<double> bayes_logits() const {
    std::vector<double> logits;
    const double* point = inputs.data<double>();
    for (size_t i = 0; i < clean.size(); ++i, point += 2)
      for (const auto& [u, v] : kCentres) logits.push_back(u * point[0] + v * point[1] - (u * u + v * v) / 2.0);
    return logits;
  }
  Batch all() const { return batch(0, inputs.dim(0)); }

  Tensor inputs;  // (N, 2)
  std::vector<int32_t> clean, noisy;
};

class LinearClassifier {
 public:
  LinearClassifier() { weight_.set_requires_grad(true), bias_.set_requires_grad(true); }

  Tensor operator()(const Tensor& x) const { return linear(x, weight_, bias_); }
  std::vector<NamedTensor> parameters() const { return {{"weight", weight_}, {"bias", bias_}}; }
  void copy_from(const LinearClassifier& other) {
    weight_.copy_from(other.weight_);
    bias_.copy_from(other.bias_);
  }

  double accuracy(const Tensor& inputs, const std::vector<int32_t>& labels) const {
    const NoGrad no_grad;
    const auto count = static_cast<int64_t>(labels.size());
    return cofactor::accuracy((*this)(inputs), Tensor::from(labels, {count}, inputs.device()));
  }

 private:
  Tensor weight_ = Tensor::zeros({3, 2}, DType::f64, Device::reference);
  Tensor bias_ = Tensor::zeros({3}, DType::f64, Device::reference);
};

// One step as a trainer takes it.
inline void train_step(const LinearClassifier& model, Optimizer& optimizer, Loss& loss, const Batch& batch,
                       uint64_t number) {
  loss.set_random(7, number);
  const Tensor value = loss(model(batch.inputs), batch);
  optimizer.zero_grad();
  backward(value);
  optimizer.step();
  loss.step_done(batch);
}

// Full-batch training.
inline void train(const LinearClassifier& model, Loss& loss, const Batch& batch, int steps, double lr = 0.05) {
  Adam optimizer(model.parameters(), {.lr = lr});
  for (int step = 0; step < steps; ++step) train_step(model, optimizer, loss, batch, static_cast<uint64_t>(step));
}

}  // namespace cofactor::testing
