// One training phase: from given weights to those of the best epoch, with one loss, resumable after any step.
#pragma once

#include <vector>

#include "experiments/training/phase.h"
#include "experiments/training/progress.h"
#include "experiments/training/run_failed.h"
#include "experiments/training/trainer_options.h"
#include "layers/module.h"
#include "losses/loss.h"

namespace cofactor {

// Trains `model` from the weights it holds, with one optimizer for all epochs, and leaves the best epoch's weights in
// it. Where the folder holds finished weights of the same settings, they are loaded instead; where it holds a
// checkpoint, training resumes from it, to the same result. Returns the metrics of all epochs.
//
// A checkpoint is written after every epoch, within an epoch whenever TrainerOptions::checkpoint_every has passed since
// the last (less often where writing takes more than a twentieth of the time), and when a signal asks the process to
// end (stop.h).
//
// A loss that asks for it (Loss::needs_training_outputs) first gets the outputs of the given weights for the whole
// training split; a resumed phase restores the loss's state instead. A batch that the loss skips leaves out the whole
// step and is counted. Selection reads Loss::evaluate once over the logits of the whole validation set.
//
// Throws RunFailed where the given weights are not finite or the loss cannot be prepared; where the loss or the
// network's outputs stop being finite, with the step and the likely cause; where every batch of an epoch is skipped;
// and where the validation loss is infinite after every epoch. Throws Error where the folder holds files of other
// settings or files fail, and Interrupted after a signal.
std::vector<EpochMetrics> train_phase(const Phase& phase, const TrainerOptions& options, const NoisyData& data,
                                      Module& model, Loss& loss, Progress& progress);

}  // namespace cofactor
