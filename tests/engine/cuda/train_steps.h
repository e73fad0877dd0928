// Some steps of training on device "cuda" with a StepRunner, for tests that compare recorded steps with others.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/optim/optimizer.h"
#include "experiments/training/step_runner.h"
#include "layers/init.h"
#include "tests/gradient_check.h"

namespace cofactor::testing {

struct Network {
  std::function<std::unique_ptr<Module>(Initializer&)> make;  // with two classes
  Shape sample;                                               // of one input: (H, W, C), or (L) words
  int64_t vocabulary = 0;                                     // 0: inputs are no words
};
using MakeOptimizer = std::function<std::unique_ptr<Optimizer>(std::vector<NamedTensor>)>;

// Random images or sentences with labels 0 and 1 in turn.
inline Batch step_batch(const Network& network, uint32_t number, int64_t size) {
  Batch batch;
  Shape shape{size};
  for (const int64_t extent : network.sample) shape.push_back(extent);
  if (network.vocabulary > 0) {
    const auto words = random_values<int32_t>(shape.numel(), number, 0.0, static_cast<double>(network.vocabulary));
    batch.inputs = Tensor::from(words, shape, Device::cuda);
  } else {
    batch.inputs = Tensor::from(random_values<float>(shape.numel(), number), shape, Device::cuda);
  }
  for (int64_t i = 0; i < size; ++i) {
    batch.host_labels.push_back(static_cast<int32_t>((i + number) % 2));
    batch.indices.push_back(i);
  }
  batch.labels = Tensor::from(batch.host_labels, {size}, Device::cuda);
  return batch;
}

struct TrainOptions {
  bool record = true, bf16 = false;
  std::vector<int64_t> sizes = {4, 4, 4, 3, 4, 4, 3, 4, 4};  // of the batches, one a step
};

struct TrainedSteps {
  std::vector<double> losses;
  std::vector<std::vector<float>> state;  // parameters and buffers
  std::vector<int32_t> counts;            // of the batches that batch norm has seen
  std::vector<bool> replayed;             // whether each step was a replay
  int64_t replays = 0;
  std::string refusal;
};

// The learning rate changes after the sixth step. A replay leaves no logits, so that those of the last other step stay.
inline TrainedSteps train_steps(Loss& loss, const Network& network, const MakeOptimizer& make_optimizer,
                                const TrainOptions& options) {
  Initializer init(Device::cuda, 7);
  const std::unique_ptr<Module> model = network.make(init);
  model->train();
  model->compute_in_bf16(options.bf16);
  const std::unique_ptr<Optimizer> optimizer = make_optimizer(model->parameters());
  StepRunner runner(*model, loss, *optimizer, options.record);
  TrainedSteps trained;
  for (uint32_t step = 0; step < options.sizes.size(); ++step) {
    if (step == 6) optimizer->set_lr(0.003);
    const Batch batch = step_batch(network, step, options.sizes[step]);
    const Tensor logits_before = runner.logits();
    const Tensor value = runner.run(batch, 5, step);
    trained.losses.push_back(value.item());
    const bool replayed = runner.replaying() && (trained.replays == 0 || runner.logits().is_same(logits_before));
    if (!replayed) CHECK(runner.logits().dim(0) == options.sizes[step]);
    trained.replayed.push_back(replayed);
    trained.replays += replayed;
  }
  for (const auto& [name, tensor] : model->state()) {
    if (tensor.dtype() == DType::f32) trained.state.push_back(tensor.to_vector<float>());
    if (tensor.dtype() == DType::i32) trained.counts.push_back(static_cast<int32_t>(tensor.item()));
  }
  trained.refusal = runner.refusal();
  CHECK(optimizer->updates() == static_cast<int64_t>(options.sizes.size()));
  return trained;
}

}  // namespace cofactor::testing
