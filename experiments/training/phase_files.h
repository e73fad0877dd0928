// The files of a phase: finished weights that are taken as they are, checkpoints that training resumes from, and what
// is left at the end.
#pragma once

#include <chrono>
#include <string>

#include "engine/optim/optimizer.h"
#include "experiments/training/phase.h"
#include "experiments/training/progress.h"
#include "experiments/training/trainer_options.h"
#include "layers/module.h"
#include "losses/loss.h"

namespace cofactor {

class PhaseFiles {
 public:
  // All must live while this does. Makes the phase's folder. Throws Error where it cannot be written to.
  PhaseFiles(const Phase& phase, const TrainerOptions& options, Module& model, Loss& loss, Progress& progress);

  // Loads finished weights into the model, and their metrics. Returns false where there are none. Throws Error where
  // they were made with other settings.
  bool load_finished(PhaseState& state);

  // Resumes from a checkpoint: model, optimizer and loss get its state. Returns false where there is none. Throws Error
  // where it was made with other settings or does not fit.
  bool resume(Optimizer& optimizer, int64_t batches_per_epoch, PhaseState& state);

  // Whether TrainerOptions::checkpoint_every has passed since the last checkpoint, or since start_clock(). Saving takes
  // a twentieth of the time at most.
  bool is_due() const;
  void start_clock();

  // Writes a checkpoint, and between two epochs the metrics.
  void save(const Optimizer& optimizer, const PhaseState& state);

  // Writes the metrics and the best weights, and removes the checkpoint. Every moment in between is a good one to stop.
  void finish(const PhaseState& state);

 private:
  using Clock = std::chrono::steady_clock;
  void load_model(const std::vector<NamedTensor>& state, const std::filesystem::path& path);
  std::chrono::duration<double> interval() const { return std::chrono::duration<double>(options_.checkpoint_every); }

  const Phase& phase_;
  const TrainerOptions& options_;
  Module& model_;
  Loss& loss_;
  Progress& progress_;
  Clock::time_point next_save_;
};

// How far a phase has come: "after epoch 2 of 20", "in epoch 3 of 20, after batch 17 of 40".
std::string describe_place(const PhaseState& state, int epochs, int64_t batches_per_epoch);

}  // namespace cofactor
