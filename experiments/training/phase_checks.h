// The checks of a phase: what they find ends the run, with a message that names the place and the likely cause.
#pragma once

#include "data/loader.h"
#include "experiments/training/diagnosis.h"
#include "experiments/training/loss_sum.h"
#include "experiments/training/phase.h"
#include "experiments/training/run_failed.h"
#include "experiments/training/trainer_options.h"
#include "layers/module.h"
#include "losses/loss.h"

namespace cofactor {

// All throw RunFailed, but for unreadable.
class PhaseChecks {
 public:
  // All must live while this does.
  PhaseChecks(const Phase& phase, const TrainerOptions& options, const Split& train, const Loss& loss,
              const PhaseState& state)
      : phase_(phase), options_(options), train_(train), loss_(loss), state_(state) {}

  // The weights that the phase begins with are finite.
  void initial_weights(const Module& model) const;
  // A training loss is finite. One that is read after its step has gone says so.
  void training_loss(double value, const StepPlace& at, const Batch& batch, const Tensor& logits) const;
  void replayed_loss(double value, const StepPlace& at) const;
  // A validation loss is a number or +infinity, which is a verdict: DMI has it for outputs without information. It is
  // never selected before a finite one.
  void validation_loss(double value, int epoch) const;
  // Some batch of the epoch was not skipped.
  void some_batch_trained() const;
  // Some epoch has a finite validation loss. Returns a warning where the selected epoch has none, else nothing.
  std::string selectable() const;

  // A network's outputs are not finite `when`: "epoch 2".
  [[noreturn]] void outputs_not_finite(const NotFinite& error, const std::string& when) const;
  // A sample cannot be read: an Error, for the data is wrong and not the run.
  [[noreturn]] void unreadable(const ReadError& error) const;

  std::string remedy_for_skipped() const;

 private:
  Standing standing() const;

  const Phase& phase_;
  const TrainerOptions& options_;
  const Split& train_;
  const Loss& loss_;
  const PhaseState& state_;
};

}  // namespace cofactor
