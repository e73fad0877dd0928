// One training step: forward, loss, backward, update. Where the device can, it is recorded once and then replayed as a
// whole (a CUDA graph), which saves the host's part of every kernel launch and gives the same weights.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "engine/batch.h"
#include "engine/captured_step.h"
#include "engine/optim/optimizer.h"
#include "experiments/sweep/experiment.h"
#include "layers/module.h"
#include "losses/loss.h"

namespace cofactor {

// With the plan's rate, momentum and weight decay.
std::unique_ptr<Optimizer> optimizer_of(const TrainingPlan& plan, std::vector<NamedTensor> parameters);

class StepRunner {
 public:
  // `record` false: every step runs by itself.
  StepRunner(Module& model, Loss& loss, Optimizer& optimizer, bool record)
      : model_(model), loss_(loss), optimizer_(optimizer), record_(record) {}

  // Queues the step on the batch and returns its loss, a scalar that the next step may overwrite. `number` keys the
  // step's draws, the network's and the loss's. The caller tells the loss when the step is done (Loss::step_done), with
  // this batch, recorded or not.
  Tensor run(const Batch& batch, uint64_t seed, uint64_t number);

  // The outputs of the last step, for a look at what went wrong.
  const Tensor& logits() const { return logits_; }
  bool replaying() const { return recorded_ != nullptr; }
  // Why the device, which records steps, could not record this one; else empty.
  const std::string& refusal() const { return refusal_; }

 private:
  Tensor run_once(const Batch& batch);
  void record(const Batch& batch);
  bool fits_recording(const Batch& batch) const;

  Module& model_;
  Loss& loss_;
  Optimizer& optimizer_;
  bool record_;
  std::string refusal_;
  int64_t steps_ = 0;
  Tensor logits_;
  // The recorded step, the batch that it reads and the loss that it writes.
  std::unique_ptr<CapturedStep> recorded_;
  Batch input_;
  Tensor loss_value_;
};

}  // namespace cofactor
