// A training step that is recorded once and replayed gives what the same steps give one by one.
#include <doctest/doctest.h>

#include <functional>
#include <memory>

#include "engine/backend.h"
#include "engine/optim/adam.h"
#include "engine/optim/sgd.h"
#include "experiments/training/step_runner.h"
#include "losses/cross_entropy.h"
#include "losses/dmi.h"
#include "models/resnet.h"
#include "models/two_layer_cnn.h"
#include "models/word_cnn.h"
#include "tests/engine/cuda/cuda_device.h"
#include "tests/engine/cuda/train_steps.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

std::unique_ptr<Optimizer> with_adam(std::vector<NamedTensor> parameters) {
  return std::make_unique<Adam>(std::move(parameters), AdamOptions{.lr = 0.01, .weight_decay = 0.001});
}

std::unique_ptr<Optimizer> with_sgd(std::vector<NamedTensor> parameters) {
  return std::make_unique<Sgd>(std::move(parameters), SgdOptions{.lr = 0.01, .momentum = 0.9});
}

// With dropout.
std::unique_ptr<Module> two_layer_cnn(Initializer& init) {
  return std::make_unique<TwoLayerCnn>(init);
}

// Convolutions, batch norms, residuals and their strides.
std::unique_ptr<Module> small_resnet(Initializer& init) {
  return std::make_unique<ResNet>(init,
                                  ResNetOptions{.blocks = {1, 1}, .classes = 2, .stem = ResNetStem::cifar, .width = 8});
}

// Embedding, whose gradient is sorted by word, and maxima over all positions.
std::unique_ptr<Module> small_word_cnn(Initializer& init) {
  return std::make_unique<WordCnn>(init, WordCnnOptions{.vocabulary = 20, .dimension = 8, .maps = 6});
}

void check_same(Loss& loss, const Network& network, const MakeOptimizer& optimizer, bool bf16 = false) {
  const TrainedSteps eager = train_steps(loss, network, optimizer, {.record = false, .bf16 = bf16});
  const TrainedSteps replayed = train_steps(loss, network, optimizer, {.record = true, .bf16 = bf16});
  CHECK(eager.replays == 0);
  CHECK(replayed.refusal == "");
  CHECK(replayed.replays == 4);
  CHECK(replayed.losses == eager.losses);
  CHECK(replayed.state == eager.state);
  CHECK(replayed.counts == eager.counts);
}

const Network kDropoutNetwork{two_layer_cnn, {28, 28, 1}}, kBatchNormNetwork{small_resnet, {9, 8, 3}},
    kWordNetwork{small_word_cnn, {12}, 20};

// Whether step k was a replay, for batches of these sizes.
std::vector<bool> replays_of(const std::vector<int64_t>& sizes) {
  CrossEntropyLoss loss;
  const TrainedSteps trained = train_steps(loss, kDropoutNetwork, with_sgd, {.record = true, .sizes = sizes});
  CHECK(trained.refusal == "");
  return trained.replayed;
}

}  // namespace

TEST_SUITE("unit" * doctest::skip(!has_cuda())) {
  TEST_CASE("captured step: adam with dropout gives the same losses and weights bit by bit") {
    CrossEntropyLoss loss;
    check_same(loss, kDropoutNetwork, with_adam);
  }

  TEST_CASE("captured step: sgd with momentum gives the same losses and weights bit by bit") {
    CrossEntropyLoss loss;
    check_same(loss, kDropoutNetwork, with_sgd);
  }

  TEST_CASE("captured step: dmi gives the same losses and weights bit by bit") {
    DmiLoss loss(DmiOptions{});
    check_same(loss, kDropoutNetwork, with_adam);
    check_same(loss, kBatchNormNetwork, with_sgd);
  }

  TEST_CASE("captured step: batch norm and residuals give the same statistics and weights bit by bit") {
    CrossEntropyLoss loss;
    check_same(loss, kBatchNormNetwork, with_sgd);
    check_same(loss, kBatchNormNetwork, with_adam);
  }

  TEST_CASE("captured step: embeddings give the same losses and weights bit by bit") {
    CrossEntropyLoss loss;
    check_same(loss, kWordNetwork, with_adam);
    check_same(loss, kWordNetwork, with_sgd, true);
  }

  TEST_CASE("captured step: bf16 gives the same losses and weights bit by bit") {
    CrossEntropyLoss loss;
    DmiLoss dmi(DmiOptions{});
    check_same(loss, kDropoutNetwork, with_adam, true);
    check_same(loss, kBatchNormNetwork, with_sgd, true);
    check_same(dmi, kBatchNormNetwork, with_adam, true);
  }

  TEST_CASE("captured step: a step that cannot be recorded runs by itself with the same result") {
    DmiLoss smoothed(DmiOptions{.epsilon = 0.001});
    const TrainedSteps eager = train_steps(smoothed, kDropoutNetwork, with_adam, {.record = false});
    const TrainedSteps asked = train_steps(smoothed, kDropoutNetwork, with_adam, {.record = true});
    CHECK(asked.replays == 0);
    CHECK(asked.refusal ==
          "capture: the SVD of a (2, 2) matrix, which cuSOLVER computes, cannot be part of a recorded step");
    CHECK(asked.losses == eager.losses);
    CHECK(asked.state == eager.state);
    CHECK(asked.counts == eager.counts);
  }

  TEST_CASE("captured step: the batches that are recorded are the full ones") {
    using Steps = std::vector<bool>;
    // Four batches an epoch, of which the fourth is short.
    CHECK(replays_of({3, 3, 3, 2, 3, 3, 3, 2}) == Steps{false, false, false, false, true, true, true, false});
    // Two batches an epoch.
    CHECK(replays_of({3, 1, 3, 1, 3, 1, 3, 1}) == Steps{false, false, false, false, false, false, true, false});
    // A resumed run that begins with the short batch.
    CHECK(replays_of({2, 3, 3, 3, 3, 2}) == Steps{false, false, false, false, true, false});
    // A data set smaller than a batch.
    CHECK(replays_of({2, 2, 2, 2, 2}) == Steps{false, false, false, true, true});
  }

  TEST_CASE("captured step: replays ask the system for nothing") {
    CrossEntropyLoss loss;
    Initializer init(Device::cuda, 7);
    TwoLayerCnn model(init);
    model.train();
    Adam optimizer(model.parameters(), {});
    StepRunner runner(model, loss, optimizer, true);
    const Batch batch = step_batch(kDropoutNetwork, 1, 3);
    uint64_t number = 0;
    for (; number < 6; ++number) runner.run(batch, 5, number);
    REQUIRE(runner.replaying());
    const size_t before = backend_of(Device::cuda).memory_stats().system_requests;
    for (; number < 10; ++number) runner.run(batch, 5, number);
    CHECK(backend_of(Device::cuda).memory_stats().system_requests == before);
  }
}

}  // namespace cofactor::testing
