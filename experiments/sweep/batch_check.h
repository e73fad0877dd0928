// Batch sizes that a network cannot be trained with.
#pragma once

#include "experiments/sweep/experiment.h"
#include "experiments/sweep/options.h"

namespace cofactor {

// Throws UsageError, naming batch sizes that work, where an epoch of the pre-training or of a chosen method has a batch
// of one sample and the network does not take such a batch: batch norm over maps of 1 x 1 has one value a channel then.
// Tries the network, where there is such a batch, on a sample; throws what reading that throws.
void check_lone_samples(const Experiment& experiment, const RunOptions& options, const ExperimentData& data);

}  // namespace cofactor
