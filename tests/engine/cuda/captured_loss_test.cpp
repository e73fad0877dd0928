// Losses that draw and keep state, in a step that is recorded once and replayed.
#include <doctest/doctest.h>

#include <memory>

#include "engine/device_features.h"
#include "losses/lccn.h"
#include "tests/engine/cuda/cuda_device.h"
#include "tests/gradient_check.h"

namespace cofactor::testing {

namespace {

constexpr int64_t kSamples = 24, kClasses = 3, kBatchSize = 8;

Batch lccn_batch(int64_t first, int64_t count) {
  Batch batch;
  for (int64_t i = first; i < first + count; ++i) {
    batch.host_labels.push_back(static_cast<int32_t>(i * i % kClasses));
    batch.indices.push_back(3 * i);
  }
  batch.labels = Tensor::from(batch.host_labels, {count}, Device::cuda);
  return batch;
}

Tensor lccn_logits(int64_t first, int64_t count) {
  return Tensor::from(random_values<float>(count * kClasses, static_cast<uint32_t>(first), -2.0, 2.0),
                      {count, kClasses}, Device::cuda);
}

struct LccnOutcome {
  std::vector<float> losses;
  std::vector<std::vector<float>> gradients;
  std::vector<std::vector<double>> transitions;
  std::vector<int32_t> latent;
};

// Twenty steps, each fifth on a batch of another size, which runs by itself. The transition matrix changes on the way.
LccnOutcome run_lccn(bool record) {
  LccnLoss loss({.warmup_steps = 6, .update_every = 2});
  loss.prepare(lccn_logits(0, kSamples), lccn_batch(0, kSamples));
  LccnOutcome outcome;
  Tensor logits = lccn_logits(0, kBatchSize), value, gradient;
  Batch input = lccn_batch(0, kBatchSize);
  const auto step = [&](Tensor leaf, const Batch& batch) {
    leaf.set_requires_grad(true);
    leaf.set_grad({});
    value = loss(leaf, batch);
    backward(value);
    gradient = leaf.grad();
  };
  std::unique_ptr<CapturedStep> captured;
  Tensor captured_value, captured_gradient;
  for (uint64_t number = 0; number < 20; ++number) {
    const bool short_batch = number % 5 == 4;
    const int64_t count = short_batch ? kBatchSize - 3 : kBatchSize;
    const int64_t first = static_cast<int64_t>(number) % 3 * kBatchSize;
    const Batch batch = lccn_batch(first, count);
    loss.set_random(4, number);
    if (short_batch || !record || number < 3) {
      step(lccn_logits(first, count), batch);
    } else {
      if (!captured) {
        captured = features_of(Device::cuda).capture([&] { step(logits, input); });
        REQUIRE(captured != nullptr);
        captured_value = value;
        captured_gradient = gradient;
      }
      logits.copy_from(lccn_logits(first, count));
      input.labels.copy_from(batch.labels);
      captured->replay({.random_step = number});
      value = captured_value;
      gradient = captured_gradient;
    }
    loss.step_done(batch);
    outcome.losses.push_back(static_cast<float>(value.item()));
    outcome.gradients.push_back(gradient.to_vector<float>());
    outcome.transitions.push_back(loss.transition()->values());
  }
  for (const auto& [name, tensor] : loss.state())
    if (name == "latent_labels") outcome.latent = tensor.to_vector<int32_t>();
  return outcome;
}

}  // namespace

TEST_SUITE("unit" * doctest::skip(!has_cuda())) {
  TEST_CASE("captured lccn: replays draw anew under the matrix of then and give what eager steps give bit by bit") {
    const LccnOutcome eager = run_lccn(false), replayed = run_lccn(true);
    CHECK(replayed.losses == eager.losses);
    CHECK(replayed.gradients == eager.gradients);
    CHECK(replayed.transitions == eager.transitions);
    CHECK(replayed.latent == eager.latent);
    CHECK(eager.transitions[19] != eager.transitions[5]);
    CHECK(eager.transitions[5] != eager.transitions[4]);
    CHECK(eager.latent.size() == kSamples);
  }
}

}  // namespace cofactor::testing
