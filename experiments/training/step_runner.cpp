#include "experiments/training/step_runner.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "engine/autograd.h"
#include "engine/device_features.h"
#include "engine/ops/elementwise.h"
#include "engine/profile/recorder.h"

namespace cofactor {
namespace {

// Steps on batches of a shape before one of that shape is recorded: they create the optimizer's moments and the
// library's plans.
constexpr int64_t kStepsBeforeRecording = 3;

// Buffers of a network and their values.
using Buffers = std::vector<std::pair<Tensor, Tensor>>;

// `host_only`: those that forward changes on the host, not by kernels.
Buffers buffers_of(const Module& model, bool host_only = false) {
  Buffers buffers;
  for (const auto& [name, tensor] : model.buffers())
    if (!host_only || tensor.device() == kHost) buffers.emplace_back(tensor, tensor.clone());
  return buffers;
}

void restore(const Buffers& buffers) {
  for (const auto& [buffer, before] : buffers) buffer.copy_from(before);
}

bool is_finite(const Tensor& tensor) {
  const std::vector<double> values = cast(tensor, DType::f64).to_vector<double>();
  return std::ranges::all_of(values, [](double value) { return std::isfinite(value); });
}

}  // namespace

StepRunner::StepRunner(Module& model, Loss& loss, Optimizer& optimizer, Communicator& ranks, bool bf16_sums)
    : model_(model),
      loss_(loss),
      optimizer_(optimizer),
      record_(false),
      ranks_(&ranks),
      gradients_(std::make_unique<GradientBuckets>(model.parameters(), ranks, BucketOptions{.bf16 = bf16_sums})) {}

// `last`: no other backward of the step follows, so that gradients may be summed over ranks as they become complete.
void StepRunner::backward_of(const Tensor& loss, bool last) {
  if (!gradients_ || !last) return backward(loss);
  backward(loss, {}, gradients_->on_gradient());
  gradients_->finish();
}

Tensor StepRunner::run_once(const Batch& batch) {
  part_of_logits_ = 0;
  ProfileSpan phase(EventKind::phase, "forward");
  logits_ = model_(batch.inputs);
  phase.next("loss");
  const Tensor loss = ranks_ ? loss_.over_ranks(logits_, batch, *ranks_) : loss_(logits_, batch);
  phase.next("backward");
  optimizer_.zero_grad();
  backward_of(loss, true);
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
  const Buffers counts = buffers_of(model_, /*host_only=*/true);
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
  restore(counts);
  record_ = recorded_ != nullptr;
  if (!recorded_) {
    input_ = {};
    loss_value_ = {};
  }
}

void StepRunner::set_random(uint64_t seed, uint64_t number, const Batch& batch) {
  model_.set_random(seed, number, batch.first);
  loss_.set_random(seed, number, batch.first);
}

// The first pass.
Tensor StepRunner::loss_of_parts(LossInParts& loss, const std::vector<Batch>& parts, uint64_t seed, uint64_t number,
                                 const std::function<void()>& between) {
  std::vector<Tensor> outputs;
  for (size_t i = 0; i < parts.size(); ++i) {
    const NoGrad no_grad;
    set_random(seed, number, parts[i]);
    outputs.push_back(model_(parts[i].inputs));
    loss.add(outputs.back(), parts[i]);
    between();
  }
  if (ranks_) loss.sum_over(*ranks_, parts.front().whole->copies());
  Tensor value = loss.finish();
  if (std::isfinite(value.item())) return value;
  const auto fault = std::ranges::find_if_not(outputs, is_finite);
  part_of_logits_ = fault == outputs.end() ? 0 : static_cast<size_t>(fault - outputs.begin());
  logits_ = outputs[part_of_logits_];
  return value;
}

Tensor StepRunner::run_parts(const std::vector<Batch>& parts, uint64_t seed, uint64_t number,
                             const std::function<void()>& between) {
  const std::unique_ptr<LossInParts> loss = loss_.in_parts();
  const Buffers before = buffers_of(model_);
  optimizer_.zero_grad();
  try {
    ProfileSpan phase(EventKind::phase, "outputs of all parts");
    Tensor value = loss_of_parts(*loss, parts, seed, number, between);
    restore(before);  // the second pass moves them
    if (!std::isfinite(value.item())) return value;
    for (size_t i = 0; i < parts.size(); ++i) {
      phase.next("forward");
      set_random(seed, number, parts[i]);
      logits_ = model_(parts[i].inputs);
      part_of_logits_ = i;
      phase.next("backward");
      backward_of(loss->part(logits_, parts[i]), i + 1 == parts.size());
      between();
    }
    phase.next("optimizer");
    optimizer_.step();
    return value;
  } catch (...) {
    restore(before);
    optimizer_.zero_grad();
    throw;
  }
}

Tensor StepRunner::run(const Batch& batch, uint64_t seed, uint64_t number) {
  set_random(seed, number, batch);
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
