// A training step that is recorded once and replayed, through the kernels of the cuda backend on the host.
#include <memory>

#include "engine/optim/adam.h"
#include "engine/optim/sgd.h"
#include "experiments/training/step_runner.h"
#include "losses/cross_entropy.h"
#include "losses/dmi.h"
#include "models/two_layer_cnn.h"
#include "tests/engine/cuda/host_kernels_backend.h"
#include "tests/fixtures/errors.h"
#include "tests/gradient_check.h"

#include <doctest/doctest.h>

namespace cofactor::testing {

namespace {

constexpr int64_t kBatch = 3;

Batch batch_of(uint32_t number, int64_t size) {
  Batch batch;
  const Shape shape{size, 28, 28, 1};
  batch.inputs = Tensor::from(random_values<float>(shape.numel(), number), shape, Device::cuda);
  for (int64_t i = 0; i < size; ++i) batch.host_labels.push_back(static_cast<int32_t>((i + number) % 2));
  batch.labels = Tensor::from(batch.host_labels, {size}, Device::cuda);
  return batch;
}

struct Trained {
  std::vector<std::vector<float>> weights;
  std::vector<double> losses;
  bool replayed = false;
  std::string refusal;
};

// Nine steps, one of them on a short batch, with a rate that changes.
template <class MakeOptimizer>
Trained train(Loss& loss, const MakeOptimizer& make_optimizer, bool record) {
  Initializer init(Device::cuda, 7);
  TwoLayerCnn model(init);
  model.train();
  const std::unique_ptr<Optimizer> optimizer = make_optimizer(model.parameters());
  StepRunner runner(model, loss, *optimizer, record);
  Trained result;
  for (uint32_t step = 0; step < 9; ++step) {
    if (step == 6) optimizer->set_lr(0.003);
    result.losses.push_back(runner.run(batch_of(step, step == 7 ? kBatch - 1 : kBatch), 5, step).item());
  }
  for (const NamedTensor& parameter : model.parameters()) result.weights.push_back(parameter.tensor.to_vector<float>());
  result.replayed = runner.replaying();
  result.refusal = runner.refusal();
  CHECK(optimizer->updates() == 9);
  return result;
}

template <class MakeOptimizer>
void check_same(Loss& loss, const MakeOptimizer& make_optimizer) {
  const Trained eager = train(loss, make_optimizer, false), replayed = train(loss, make_optimizer, true);
  CHECK(!eager.replayed);
  CHECK(replayed.refusal == "");
  CHECK(replayed.replayed);
  CHECK(replayed.losses == eager.losses);
  CHECK(replayed.weights == eager.weights);
}

std::unique_ptr<Optimizer> adam(std::vector<NamedTensor> parameters) {
  return std::make_unique<Adam>(std::move(parameters), AdamOptions{.lr = 0.01, .weight_decay = 0.001});
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("captured step: replayed and eager steps give the same losses and weights bit by bit") {
    CrossEntropyLoss cross_entropy;
    check_same(cross_entropy, adam);
    check_same(cross_entropy, [](std::vector<NamedTensor> parameters) {
      return std::make_unique<Sgd>(std::move(parameters), SgdOptions{.lr = 0.01, .momentum = 0.9});
    });
    DmiLoss dmi(DmiOptions{});
    check_same(dmi, adam);
  }

  TEST_CASE("captured step: a step that cannot be recorded runs by itself with the same result") {
    DmiLoss smoothed(DmiOptions{.epsilon = 0.001});
    const Trained eager = train(smoothed, adam, false), asked = train(smoothed, adam, true);
    CHECK(!asked.replayed);
    CHECK(contains(asked.refusal, "an SVD within a recorded step"));
    CHECK(asked.weights == eager.weights);
  }

  TEST_CASE("captured step: replays ask the system for nothing") {
    CrossEntropyLoss loss;
    Initializer init(Device::cuda, 7);
    TwoLayerCnn model(init);
    model.train();
    Adam optimizer(model.parameters(), {});
    StepRunner runner(model, loss, optimizer, true);
    const Batch batch = batch_of(1, kBatch);
    uint64_t number = 0;
    for (; number < 6; ++number) runner.run(batch, 5, number);
    REQUIRE(runner.replaying());
    const size_t before = backend_of(Device::cuda).memory_stats().system_requests;
    for (; number < 10; ++number) runner.run(batch, 5, number);
    CHECK(backend_of(Device::cuda).memory_stats().system_requests == before);
  }
}

}  // namespace cofactor::testing
