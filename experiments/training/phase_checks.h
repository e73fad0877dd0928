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

// Each check throws RunFailed where what it says does not hold.
class PhaseChecks {
 public:
  // All must live while this does.
  PhaseChecks(const Phase& phase, const TrainerOptions& options, const Split& train, const Loss& loss,
              const PhaseState& state)
      : phase_(phase), options_(options), train_(train), loss_(loss), state_(state) {}

  // The weights that the phase begins with are finite.
  void initial_weights(const Module& model) const;
  // A training loss is finite. The loss of a replayed step is read later, when its batch and outputs are gone.
  void training_loss(double value, const StepPlace& at, const Batch& batch, const Tensor& logits) const;
  void replayed_loss(double value, const StepPlace& at) const;
  // A validation loss is a number or +infinity, which some losses have for outputs without information
  // (Loss::diagnose_infinity) and which is never selected before a finite one.
  void validation_loss(double value, int epoch) const;
  // Some batch of the epoch was not skipped.
  void some_batch_trained() const;
  // Some epoch has a finite validation loss. Returns a warning where the selected epoch has none, else nothing.
  std::string selectable() const;

  // Throws RunFailed for outputs that are not finite. `when` begins the reason: "epoch 2".
  [[noreturn]] void outputs_not_finite(const NotFinite& error, const std::string& when) const;
  // Throws Error for a sample that cannot be read: the data is wrong, and not the run.
  [[noreturn]] void unreadable(const ReadError& error) const;

  // How to train without skipped batches.
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
