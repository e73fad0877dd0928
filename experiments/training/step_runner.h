// One training step: forward, loss, backward, update. Where the device can, the step is recorded once and then replayed
// as a whole (a CUDA graph), which saves the host's work per kernel launch and gives the same weights. What is recorded
// is the step on a full batch: the largest shape of inputs so far, at its fourth step. Other batches run directly, as
// do those in parts.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/batch.h"
#include "engine/captured_step.h"
#include "engine/distributed/gradient_buckets.h"
#include "engine/optim/optimizer.h"
#include "layers/module.h"
#include "losses/loss.h"

namespace cofactor {

class StepRunner {
 public:
  // `record` false: no step is recorded.
  StepRunner(Module& model, Loss& loss, Optimizer& optimizer, bool record)
      : model_(model), loss_(loss), optimizer_(optimizer), record_(record) {}
  // For batches that these ranks share (Batch::whole): the loss is that of the whole batch, and gradients are added up
  // over ranks, in bf16 where `bf16_sums`. All ranks run the same steps. No step is recorded. `ranks` outlives this.
  StepRunner(Module& model, Loss& loss, Optimizer& optimizer, Communicator& ranks, bool bf16_sums);

  // Queues the step on the batch and returns its loss, a scalar that the next step may overwrite. `number` keys the
  // random draws of the network and of the loss. The caller calls Loss::step_done with this batch, recorded or not.
  Tensor run(const Batch& batch, uint64_t seed, uint64_t number);

  // The step on a batch in parts (Loss::in_parts), for a runner that does not record: two passes over the parts, with
  // the memory of one part's graph, and one update. Returns the loss of the batch; where it is not finite, there is no
  // second pass and no update. Draws are those of the samples' places in the whole batch, the same in both passes.
  // Batch norm normalises each part by the part's own statistics, and its running statistics move once for each part.
  //
  // `between` is called after each part of either pass. Where it or anything else throws, weights, buffers and the
  // optimizer are as before the step. Ranks may have different numbers of parts.
  Tensor run_parts(const std::vector<Batch>& parts, uint64_t seed, uint64_t number,
                   const std::function<void()>& between);

  // The outputs of the last step that was not replayed, for a diagnosis; after run_parts those of one part: where the
  // loss is not finite, the first part with an output that is not.
  const Tensor& logits() const { return logits_; }
  size_t part_of_logits() const { return part_of_logits_; }
  bool replaying() const { return recorded_ != nullptr; }
  // Why a device that records steps could not record this one; else empty.
  const std::string& refusal() const { return refusal_; }

 private:
  Tensor run_once(const Batch& batch);
  void backward_of(const Tensor& loss, bool last);
  bool should_record(const Batch& batch);
  void record(const Batch& batch);
  Tensor loss_of_parts(LossInParts& loss, const std::vector<Batch>& parts, uint64_t seed, uint64_t number,
                       const std::function<void()>& between);
  void set_random(uint64_t seed, uint64_t number, const Batch& batch);
  bool fits_recording(const Batch& batch) const;

  Module& model_;
  Loss& loss_;
  Optimizer& optimizer_;
  bool record_;
  Communicator* ranks_ = nullptr;
  std::unique_ptr<GradientBuckets> gradients_;  // of several ranks
  std::string refusal_;
  Shape largest_;              // of inputs so far; rank 0 before the first
  int64_t largest_steps_ = 0;  // on batches of that shape
  Tensor logits_;
  size_t part_of_logits_ = 0;
  // The recorded step, the batch that it reads and the loss that it writes.
  std::unique_ptr<CapturedStep> recorded_;
  Batch input_;
  Tensor loss_value_;
};

}  // namespace cofactor
