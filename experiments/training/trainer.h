// One training phase: from given weights to the best epoch's, by one loss, resumable from any step.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "experiments/sweep/experiment.h"
#include "experiments/sweep/options.h"
#include "experiments/training/checkpoint.h"
#include "experiments/training/progress.h"
#include "experiments/training/run_failed.h"
#include "layers/module.h"
#include "losses/loss.h"

namespace cofactor {

// By what the best epoch is chosen. Among equal accuracies the lower validation loss decides: where the noisy majority
// is the best answer for every sample, all epochs have one accuracy, and the first of them knows least (from there DMI
// does not train: docs/reproduction.md). Then the first among equals.
enum class Selection { validation_accuracy, validation_loss };

struct Phase {
  std::string label;             // for people: "clothes-to-bags, rate 0.8, seed 1, dmi"
  std::string settings;          // a JSON object: what decides the result
  std::filesystem::path folder;  // where metrics, checkpoint and weights go
  TrainingPlan plan;
  Selection selection = Selection::validation_loss;
  uint64_t seed = 1;
  // Fine-tuning goes on where pre-training ended: its batches are those of later epochs, its dropout masks are its own.
  int first_epoch = 0;
  bool is_finetuning() const { return first_epoch > 0; }
};

// The splits, with the labels that training sees.
struct NoisyData {
  Split train, validation;
};

// The place of the best epoch in a history that is not empty.
size_t best_epoch(const std::vector<EpochMetrics>& history, Selection selection);

// Trains `model` from the weights it holds, with one optimizer for all epochs, and leaves the best epoch's weights in
// it. Where the folder holds the finished weights of the same settings, they are loaded instead; where it holds a
// checkpoint, training goes on from it, to the same result. Returns the metrics of all epochs.
//
// A checkpoint is written after every epoch, and within one whenever RunOptions::checkpoint_every has passed since the
// last (less often where writing takes more than a twentieth of the time), and when a signal asks for the end (stop.h).
//
// A loss that asks for it (Loss::needs_training_outputs) is first shown the outputs of the given weights for the whole
// training split; a resumed phase gives it its state back instead. Batches that the loss skips leave out the whole step
// and are counted. Selection reads Loss::evaluate over the whole validation set: the logits of all its samples, one
// call.
//
// Throws RunFailed where the given weights are not finite or the loss cannot be prepared, where the loss or the
// network's outputs stop being finite, with the step and the likely cause, where no batch of an epoch carries a
// gradient, and where the validation loss is infinite after every epoch; Error where files of other settings are in the
// way, or files fail; Interrupted after a signal.
std::vector<EpochMetrics> train_phase(const Phase& phase, const RunOptions& options, const NoisyData& data,
                                      Module& model, Loss& loss, Progress& progress);

}  // namespace cofactor
