// What every training loss offers: one call from logits and a batch to a scalar. A method that keeps state between
// steps (a transition matrix, latent labels) offers the same call, and the hooks below it.
#pragma once

#include <string_view>
#include <vector>

#include "engine/batch.h"
#include "engine/named_tensor.h"

namespace cofactor {

class Loss {
 public:
  virtual ~Loss() = default;

  virtual std::string_view name() const = 0;

  // The loss of a batch: logits (N, C) in f32 or f64, before any softmax; a scalar, differentiable by the logits.
  virtual Tensor operator()(const Tensor& logits, const Batch& batch) = 0;

  // Whether the batch carries no gradient for this loss, so that the whole training step is left out (momentum and
  // weight decay must not move the weights either). Decided from the labels, on the host, before any work.
  virtual bool skips(const Batch& batch, int64_t classes) const {
    (void)batch, (void)classes;
    return false;
  }

  // What epochs are selected by: the loss of a whole split's logits (N, C), without a gradient; it changes no state.
  virtual Tensor evaluate(const Tensor& logits, const Batch& batch) { return (*this)(logits, batch); }

  // Whether prepare() must come before the first step.
  virtual bool needs_training_outputs() const { return false; }
  // Called once, before the first step of a run that does not resume: the logits (N, C) of the network that fine-tuning
  // starts from, for all N training samples in evaluation mode, and their labels and indices. Throws Error where they
  // do not give what the method needs.
  virtual void prepare(const Tensor& logits, const Batch& batch) { (void)logits, (void)batch; }

  // Names the random draws of the next call, as Module::set_random.
  virtual void set_random(uint64_t seed, uint64_t step) { (void)seed, (void)step; }
  // Called after each training step on the batch, also where the step was recorded earlier and only replayed: the call
  // itself may then not have run, but the tensors that it wrote hold this step's values.
  virtual void step_done(const Batch& batch) { (void)batch; }

  // What a resumed run needs to go on as if it had never stopped; on the host. load_state throws Error for a state that
  // is not this loss's.
  virtual std::vector<NamedTensor> state() const { return {}; }
  virtual void load_state(const std::vector<NamedTensor>& state) {
    check(state.empty(), "loss {}: it keeps no state, and is given {} tensors", name(), state.size());
  }
};

}  // namespace cofactor
