// A step whose recording runs out of memory: the run goes on without it. On the host's stand-in for the GPU, whose
// arenas can be limited without limiting the step itself.
#include <doctest/doctest.h>

#include "engine/optim/adam.h"
#include "losses/cross_entropy.h"
#include "models/two_layer_cnn.h"
#include "tests/engine/cuda/cuda_device.h"
#include "tests/engine/cuda/host_kernels_backend.h"
#include "tests/engine/cuda/train_steps.h"
#include "tests/experiments/training/phase_bench.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

TEST_SUITE("unit") {
  TEST_CASE("captured step: without memory for a recording the same steps run by themselves") {
    const Network network{[](Initializer& init) { return std::make_unique<TwoLayerCnn>(init); }, {28, 28, 1}};
    const MakeOptimizer adam = [](std::vector<NamedTensor> parameters) {
      return std::make_unique<Adam>(std::move(parameters), AdamOptions{});
    };
    CrossEntropyLoss loss;
    const Backend& backend = backend_of(Device::cuda);
    const size_t in_use = backend.memory_stats().in_use;
    const TrainedSteps eager = train_steps(loss, network, adam, {.record = false});
    // From a first block that is refused to a gradient near the end of the step.
    for (const size_t limit : {size_t{1000}, size_t{50'000}, size_t{150'000}, size_t{200'000}}) {
      CAPTURE(limit);
      const ScarceMemory scarce(limit);
      const TrainedSteps asked = train_steps(loss, network, adam, {.record = true});
      CAPTURE(asked.refusal);
      CHECK(asked.replays == 0);
      CHECK(contains(asked.refusal, "memory: the GPU, for a recorded step, refused a block of "));
      CHECK(contains(asked.refusal, " bytes are in use, "));
      CHECK(asked.losses == eager.losses);
      CHECK(asked.state == eager.state);
      CHECK(asked.counts == eager.counts);
      CHECK(backend.memory_stats().in_use == in_use);
    }
    const ScarceMemory enough(size_t{1} << 30);
    const TrainedSteps replayed = train_steps(loss, network, adam, {.record = true});
    CHECK(replayed.refusal == "");
    CHECK(replayed.state == eager.state);
    CHECK(replayed.counts == eager.counts);
  }

  TEST_CASE("captured step: a refused recording leaves none of its memory in use") {
    const ScarceMemory scarce(150'000);
    Initializer init(Device::cuda, 7);
    TwoLayerCnn model(init);
    model.train();
    CrossEntropyLoss loss;
    Adam optimizer(model.parameters(), {});
    StepRunner runner(model, loss, optimizer, true);
    const Batch batch = step_batch({{}, {28, 28, 1}}, 1, 4);
    size_t before = 0;
    for (uint64_t number = 0; number < 8; ++number) {
      runner.run(batch, 5, number);
      if (number == 2) before = backend_of(Device::cuda).memory_stats().in_use;
      if (number > 2) CHECK(backend_of(Device::cuda).memory_stats().in_use == before);
    }
    CHECK(!runner.replaying());
    CHECK(!runner.refusal().empty());
  }

  TEST_CASE("captured step: the trainer prints once why steps are not recorded and trains the same weights") {
    const auto train = [](PhaseBench& bench) {
      bench.options.device = Device::cuda;
      SmallNetwork model(1, Device::cuda);
      const std::unique_ptr<Loss> loss = make_loss("ce");
      bench.train(model, *loss);
      return weights_of(model);
    };
    PhaseBench recorded, refused;
    const std::vector<float> expected = train(recorded);
    CHECK(!contains(recorded.log(), "recorded"));
    const ScarceMemory scarce(100);
    CHECK(train(refused) == expected);
    const std::string reason =
        "the run: steps run one by one, since they cannot be recorded: memory: the GPU, for a recorded step, refused a "
        "block of ";
    const size_t first = refused.log().find(reason);
    CHECK(first != std::string::npos);
    CHECK(refused.log().find(reason, first + 1) == std::string::npos);
  }
}

}  // namespace cofactor::testing
