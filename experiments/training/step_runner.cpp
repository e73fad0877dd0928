#include "experiments/training/step_runner.h"

#include <optional>

#include "engine/autograd.h"
#include "engine/device_features.h"

namespace cofactor {
namespace {

// Steps before recording: they create the optimizer's moments, the library's plans and the pool's blocks.
constexpr int64_t kStepsBeforeRecording = 3;

}  // namespace

Tensor StepRunner::run_once(const Batch& batch) {
  logits_ = model_(batch.inputs);
  const Tensor loss = loss_(logits_, batch);
  optimizer_.zero_grad();
  backward(loss);
  optimizer_.step();
  return loss.detach();
}

bool StepRunner::fits_recording(const Batch& batch) const {
  return batch.inputs.shape() == input_.inputs.shape();
}

// A device that cannot record the step refuses before anything has run; then no step is recorded.
void StepRunner::record(const Batch& batch) {
  input_ = batch;
  input_.inputs = batch.inputs.clone();
  input_.labels = batch.labels.clone();
  std::optional<int64_t> updates;
  try {
    updates = optimizer_.updates();
    recorded_ = features_of(batch.inputs.device()).capture([&] { loss_value_ = run_once(input_); });
  } catch (const Error& error) {
    refusal_ = error.what();
  }
  if (updates) optimizer_.set_updates(*updates);
  record_ = recorded_ != nullptr;
  if (!recorded_) input_ = {};
}

Tensor StepRunner::run(const Batch& batch, uint64_t seed, uint64_t number) {
  model_.set_random(seed, number);
  loss_.set_random(seed, number);
  if (record_ && !recorded_ && steps_++ >= kStepsBeforeRecording) record(batch);
  if (!recorded_ || !fits_recording(batch)) return run_once(batch);
  input_.inputs.copy_from(batch.inputs);
  input_.labels.copy_from(batch.labels);
  const int64_t updates = optimizer_.updates() + 1;
  recorded_->replay({.random_step = number, .lr = optimizer_.lr(), .optimizer_step = updates});
  optimizer_.set_updates(updates);
  return loss_value_;
}

}  // namespace cofactor
