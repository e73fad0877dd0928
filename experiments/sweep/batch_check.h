// Batch sizes that a network cannot be trained with.
#pragma once

#include "experiments/sweep/experiment.h"
#include "experiments/sweep/options.h"

namespace cofactor {

// Throws UsageError, naming batch sizes that work, where an epoch of pre-training or of a chosen method has a batch of
// one sample and the network does not take such a batch: batch norm over maps of 1 x 1 then has one value per channel.
// Where there is such a batch the network is tried on a sample; errors of reading it are passed on.
void check_lone_samples(const Experiment& experiment, const RunOptions& options, const ExperimentData& data);

}  // namespace cofactor
