// A small training phase with losses that a test controls.
#pragma once

#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "experiments/training/trainer.h"
#include "losses/make_loss.h"
#include "tests/experiments/process.h"
#include "tests/experiments/small_experiment.h"

namespace cofactor::testing {

// Cross entropy that a test can make fail, skip, or judge validation as it likes.
class Scripted : public Loss {
 public:
  std::string_view name() const override { return "scripted"; }
  Tensor operator()(const Tensor& logits, const Batch& batch) override {
    if (batch.size() == kValidation) {
      const double value = validation_losses.empty() ? 1.0 : validation_losses.at(static_cast<size_t>(validations_));
      ++validations_;
      return Tensor::full(Shape{}, value, DType::f32, logits.device());
    }
    if (calls_++ == fail_at) fail("scripted: as the test wants it");
    if (calls_ - 1 == stop_at) raise(SIGTERM);
    if (calls_ - 1 == nan_at) return sum(logits) * NAN;
    return (*ce_)(logits, batch);
  }
  bool skips(const Batch& batch, int64_t) const override {
    return batch.size() != kValidation && std::ranges::find(skipped, batches_++ % 3) != skipped.end();
  }

  static constexpr int64_t kValidation = 17;
  int64_t fail_at = -1, nan_at = -1, stop_at = -1;  // training calls, from 0
  std::vector<int64_t> skipped;                     // batches of each epoch of three
  std::vector<double> validation_losses;

 private:
  std::unique_ptr<Loss> ce_ = make_loss("ce");
  int64_t calls_ = 0, validations_ = 0;
  mutable int64_t batches_ = 0;
};

// Cross entropy with a weight that grows by what the loss has seen: the outputs it was prepared with, the draws it was
// named, the samples of every step. Whoever forgets one of the hooks, or loses the state, trains other weights.
class Remembering : public Loss {
 public:
  std::string_view name() const override { return "remembering"; }
  Tensor operator()(const Tensor& logits, const Batch& batch) override {
    if (calls_++ == fail_at) fail("remembering: as the test wants it");
    if (calls_ - 1 == stop_at) raise(SIGTERM);
    return (*ce_)(logits, batch) * (1.0 + 0.1 * weight_ + 0.01 * static_cast<double>(draw_ % 7));
  }
  Tensor evaluate(const Tensor& logits, const Batch& batch) override {
    ++evaluations;
    return (*ce_)(logits, batch);
  }
  bool needs_training_outputs() const override { return true; }
  void prepare(const Tensor& logits, const Batch& batch) override {
    if (!refusal.empty()) fail("{}", refusal);
    ++preparations;
    prepared_with = batch.indices;
    weight_ = std::abs(logits.to_vector<float>().at(0));
  }
  void set_random(uint64_t seed, uint64_t step, int64_t /*first_sample*/) override { draw_ = seed + step; }
  void step_done(const Batch& batch) override {
    if (calls_ - 1 == refuse_step) fail("remembering: a label that is none");
    for (const int64_t index : batch.indices) weight_ += 1e-4 * static_cast<double>(index);
  }
  std::vector<NamedTensor> state() const override {
    return {{"weight", Tensor::from(std::vector<double>{weight_}, Shape{1}, Device::reference)}};
  }
  void load_state(const std::vector<NamedTensor>& state) override {
    check(state.size() == 1 && state[0].name == "weight", "remembering: {} tensors, expected weight", state.size());
    weight_ = state[0].tensor.item();
  }

  int64_t fail_at = -1, refuse_step = -1, stop_at = -1;  // training calls, from 0
  std::string refusal;
  int preparations = 0, evaluations = 0;
  std::vector<int64_t> prepared_with;

 private:
  std::unique_ptr<Loss> ce_ = make_loss("ce");
  double weight_ = 0.0;
  uint64_t draw_ = 0;
  int64_t calls_ = 0;
};

// 60 training samples in batches of 20, 4 epochs, with momentum, so that a forgotten optimizer state shows.
struct PhaseBench {
  PhaseBench() {
    DataSplits splits = small_splits(60, Scripted::kValidation);
    data = {splits.train, splits.validation};
    options.device = Device::reference;
    options.workers = 0;
    phase.label = "the run";
    phase.settings = R"({"of":"the test"})";
    phase.folder = folder.path() / "run";
    phase.plan = {.optimizer = OptimizerKind::sgd,
                  .lr = 0.1,
                  .lr_steps = {{2, 0.05}},
                  .momentum = 0.9,
                  .epochs = 4,
                  .batch_size = 20};
  }
  std::vector<EpochMetrics> train(Module& model, Loss& loss) {
    std::FILE* file = std::fopen((folder.path() / "log.txt").c_str(), "w");
    REQUIRE(file != nullptr);
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> closed(file, std::fclose);
    ConsoleProgress progress(file, false, 1000);
    return train_phase(phase, options, data, model, loss, progress);
  }
  std::string log() const { return read_file(folder.path() / "log.txt"); }
  std::string weights() const { return read_file(phase.folder / "weights.safetensors"); }

  TemporaryFolder folder;
  NoisyData data;
  TrainerOptions options;
  Phase phase;
};

inline std::vector<float> weights_of(const Module& model) {
  std::vector<float> all;
  for (const NamedTensor& named : model.state()) {
    const std::vector<float> values = named.tensor.to_vector<float>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

}  // namespace cofactor::testing
