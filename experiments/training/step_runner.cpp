#include "experiments/training/step_runner.h"

#include <optional>

#include "engine/autograd.h"
#include "engine/device_features.h"
#include "engine/profile/recorder.h"

namespace cofactor {
namespace {

// Steps on batches of a shape before one of that shape is recorded: they create the optimizer's moments and the
// library's plans.
constexpr int64_t kStepsBeforeRecording = 3;

// The buffers that forward changes on the host, not by kernels, and their values.
std::vector<std::pair<Tensor, Tensor>> host_buffers(const Module& model) {
  std::vector<std::pair<Tensor, Tensor>> buffers;
  for (const auto& [name, tensor] : model.buffers())
    if (tensor.device() == kHost) buffers.emplace_back(tensor, tensor.clone());
  return buffers;
}

}  // namespace

Tensor StepRunner::run_once(const Batch& batch) {
  ProfileSpan phase(EventKind::phase, "forward");
  logits_ = model_(batch.inputs);
  phase.next("loss");
  const Tensor loss = loss_(logits_, batch);
  phase.next("backward");
  optimizer_.zero_grad();
  backward(loss);
  phase.next("optimizer");
  optimizer_.step();
  return loss.detach();
}

// Short batches come between full ones, so only the largest shape so far counts.
bool StepRunner::should_record(const Batch& batch) {
  if (!record_ || recorded_) return false;
  const Shape& shape = batch.inputs.shape();
  if (shape.numel() > largest_.numel() || largest_.rank() == 0) {
    largest_ = shape;
    largest_steps_ = 0;
  }
  return shape == largest_ && largest_steps_++ >= kStepsBeforeRecording;
}

bool StepRunner::fits_recording(const Batch& batch) const {
  return batch.inputs.shape() == input_.inputs.shape();
}

// A device that cannot record the step refuses before anything has run; then no step is recorded.
void StepRunner::record(const Batch& batch) {
  optimizer_.zero_grad();  // memory that the recording can take
  logits_ = {};
  input_ = batch;
  input_.inputs = batch.inputs.clone();
  input_.labels = batch.labels.clone();
  std::optional<int64_t> updates;
  const std::vector<std::pair<Tensor, Tensor>> counts = host_buffers(model_);
  try {
    updates = optimizer_.updates();
    recorded_ = features_of(batch.inputs.device()).capture([&] { loss_value_ = run_once(input_); });
  } catch (const Error& error) {  // OutOfMemory too: a recording takes more than the step itself
    refusal_ = error.what();
    // What the recording left lies in its memory, which the steps from here on need.
    optimizer_.zero_grad();
    logits_ = {};
  }
  // Nothing has run.
  if (updates) optimizer_.set_updates(*updates);
  for (const auto& [buffer, before] : counts) buffer.copy_from(before);
  record_ = recorded_ != nullptr;
  if (!recorded_) {
    input_ = {};
    loss_value_ = {};
  }
}

Tensor StepRunner::run(const Batch& batch, uint64_t seed, uint64_t number) {
  model_.set_random(seed, number);
  loss_.set_random(seed, number);
  if (should_record(batch)) record(batch);
  if (!recorded_ || !fits_recording(batch)) return run_once(batch);
  input_.inputs.copy_from(batch.inputs);
  input_.labels.copy_from(batch.labels);
  const int64_t updates = optimizer_.updates() + 1;
  recorded_->replay({.random_step = number, .lr = optimizer_.lr(), .optimizer_step = updates});
  optimizer_.set_updates(updates);
  model_.count_replay();
  return loss_value_;
}

}  // namespace cofactor
