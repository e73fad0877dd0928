// Batch sizes that a network or a loss cannot be trained with, found before training.
#pragma once

#include <string>
#include <vector>

#include "experiments/sweep/experiment.h"
#include "experiments/sweep/options.h"

namespace cofactor {

// Throws UsageError, naming batch sizes that work, where an epoch of pre-training or of a chosen method has a batch, or
// a part of one, of one sample and the network does not take such a batch: batch norm over maps of 1 x 1 then has one
// value per channel. Where there is such a batch the network is tried on a sample; errors of reading it are passed on.
void check_lone_samples(const Experiment& experiment, const RunOptions& options, const ExperimentData& data);

// For the methods that need every class in a batch: throws UsageError where batches have fewer samples than there are
// classes. Returns a note for each method of whose batches many are expected to lack a class, by the sizes of the
// classes and the noise. Both name a logical batch that holds every class.
std::vector<std::string> check_classes_in_batches(const Experiment& experiment, const RunOptions& options,
                                                  const Split& train);

}  // namespace cofactor
