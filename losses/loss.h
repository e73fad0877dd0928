// What every training loss offers: one call from logits and a batch to a scalar, and what a trainer must know of the
// method, so that no method is known by name outside losses/. All but the call and the name have defaults.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/noise/label_quality.h"
#include "data/noise/transition.h"
#include "engine/batch.h"
#include "engine/named_tensor.h"

namespace cofactor {

class Communicator;

// The loss of one batch that is given in parts, for batches of which memory cannot hold the graph. The gradient is that
// of the whole batch. It takes two passes over the same parts:
//
//   for each part: under NoGrad, loss.add(model(part.inputs), part);
//   const Tensor value = loss.finish();
//   for each part: backward(loss.part(model(part.inputs), part));   // gradients add up in the parameters
//
// Both passes must compute the same logits: with the same dropout masks, and so on.
class LossInParts {
 public:
  virtual ~LossInParts() = default;
  // First pass. The shapes are those of Loss::operator().
  virtual void add(const Tensor& logits, const Batch& part) = 0;
  // Where ranks share the batch, each with parts of its own: adds what all others have added. All ranks call it, after
  // the first pass. `copies`: how many of them have each sample (WholeBatch::copies). Throws Error as Communicator
  // does.
  virtual void sum_over(Communicator& ranks, int64_t copies) = 0;
  // Between the passes: the loss of the whole batch, a scalar without a graph. Where it is not finite, the gradient has
  // no meaning.
  virtual Tensor finish() = 0;
  // Second pass: a scalar whose gradient with respect to the part's logits is that of the whole batch's loss. Its value
  // has no meaning.
  virtual Tensor part(const Tensor& logits, const Batch& part) = 0;
};

// The flag of Loss::logical_batch(), for messages.
inline constexpr std::string_view kLogicalBatchFlag = "--dmi-batch";

class Loss {
 public:
  virtual ~Loss() = default;

  virtual std::string_view name() const = 0;

  // The loss of a batch: logits (N, C) in f32 or f64, before any softmax; a scalar, differentiable with respect to the
  // logits.
  virtual Tensor operator()(const Tensor& logits, const Batch& batch) = 0;

  // ---- which labels carry signal

  // Whether a batch carries signal only if every class has a sample in it. Such a loss needs batches of at least as
  // many samples as there are classes, and the whole training and validation sets must have every class too.
  virtual bool needs_every_class() const { return false; }
  // Whether the batch carries no signal, so that the whole training step is left out (momentum and weight decay must
  // not move the weights either): where needs_every_class(), a class without a sample. Decided from the labels, on the
  // host, before any work. Throws Error for a label outside [0, classes).
  virtual bool skips(const Batch& batch, int64_t classes) const;
  // Why labels under this noise carry no signal for the loss, as a clause: "the transition matrix is singular, so ...".
  // Empty where they do.
  virtual std::string uninformative_under(const Transition& noise) const {
    (void)noise;
    return {};
  }

  // ---- a batch in parts

  // The samples of a batch, if batches are trained on in parts because memory cannot hold one whole; 0: batches are
  // whole.
  virtual int64_t logical_batch() const { return 0; }
  // The loss of the next such batch. Throws Error for a loss that does not come in parts.
  virtual std::unique_ptr<LossInParts> in_parts() const {
    fail("{}: the loss of a batch does not come in parts", name());
  }

  // ---- a batch that ranks share (docs/distributed.md)

  // The loss of the whole batch, of which `batch` is this rank's share (Batch::whole). All ranks call it and get the
  // same value. Its gradient with respect to the rank's logits is that of the whole batch's loss, so that gradients by
  // parameters are added up over ranks. By default the loss is a mean over samples. Throws Error as operator() and as
  // Communicator do.
  virtual Tensor over_ranks(const Tensor& logits, const Batch& batch, Communicator& ranks);
  // From now on step_done() gets the samples of one of these ranks: a loss with state keeps that of all samples, the
  // same on all ranks. Then state() and step_done() are called by all ranks at once. `ranks` outlives the loss.
  virtual void share_state(Communicator& ranks) { (void)ranks; }

  // ---- what the result means

  // Whether the loss tells which output stands for which class. Where it does not, a good classifier may end with its
  // classes exchanged.
  virtual bool depends_on_class_order() const { return true; }
  // What the softmax of a trained network's logits estimates: the distribution of the labels as they are given, or that
  // of the true classes, where the loss is made so that noise cancels.
  virtual Outputs outputs() const { return Outputs::given_label; }
  // What an infinite or NaN loss means where the logits are finite, and the remedy of the method's own, each as a
  // clause of an error message. Empty where it only means that the logits are too large.
  struct Diagnosis {
    std::string cause, remedy;
  };
  virtual Diagnosis diagnose_infinity() const { return {}; }

  // ---- training

  // The criterion that selects epochs: the loss of the logits (N, C) of a whole split, without a gradient. Changes no
  // state.
  virtual Tensor evaluate(const Tensor& logits, const Batch& batch) { return (*this)(logits, batch); }

  // Whether prepare() must come before the first step.
  virtual bool needs_training_outputs() const { return false; }
  // Called once, before the first step of a run that does not resume, with the logits (N, C) of the network that
  // fine-tuning starts from, for all N training samples in evaluation mode, and their labels and indices. Throws Error
  // where the method cannot start from them.
  virtual void prepare(const Tensor& logits, const Batch& batch) { (void)logits, (void)batch; }

  // Selects the random draws of the next call, like Module::set_random: of a batch's samples from number first_sample
  // on.
  virtual void set_random(uint64_t seed, uint64_t step, int64_t first_sample = 0) {
    (void)seed, (void)step, (void)first_sample;
  }
  // Called after each training step on the batch, also where the step was recorded earlier and is only replayed: then
  // operator() has not run, but the tensors that it writes hold this step's values. A batch in parts has labels on the
  // host and indices only.
  virtual void step_done(const Batch& batch) { (void)batch; }

  // What a resumed run needs to continue as if it had never stopped; on the host. load_state throws Error for the state
  // of another loss.
  virtual std::vector<NamedTensor> state() const { return {}; }
  virtual void load_state(const std::vector<NamedTensor>& state) {
    check(state.empty(), "loss {}: it keeps no state, but the saved state has {} tensors", name(), state.size());
  }
};

}  // namespace cofactor
