// The training protocol, one for all experiments.
//
// For each cell (noise, rate, seed) the training and validation labels get the noise; the test labels stay clean.
// Pre-training with cross entropy runs once. Its epoch with the best noisy validation accuracy is the result of method
// `ce`, and every other method fine-tunes a copy of its weights, with an optimizer of its own. A fine-tuned epoch is
// selected by the method's own loss over the whole noisy validation set. The selected weights are tested once, on clean
// labels; test data never reaches selection.
//
//   OUT/results.jsonl                            one line per finished run (results.h)
//   OUT/<noise>-rate<r>-seed<s>/<method>/        metrics.jsonl, weights.safetensors and matrices.json (run_record.h);
//                                                while the run is trained checkpoint.safetensors
//   .../fold<k>of<n>/<method>/                   the same of a fold's network, and what it predicts (cross_fitting.h)
//   .../<method>.previous-<n>/                   the same of an earlier run whose inputs differ
//   .../<method>/search-lr<rate>-batch<size>/    the same of each candidate of --search
//   OUT/shard<i>of<n>/                           the same of a shard (--shard), below which all of this stands
//   OUT/inputs/<checksum>.csv                    the files that runs were trained and tested on (input_record.h)
#pragma once

#include "experiments/sweep/experiment.h"
#include "experiments/sweep/options.h"

namespace cofactor {

// Runs what the command line asks for and prints the table of the results: plans the runs, skips those that are
// finished here or known from elsewhere (known_runs.h), and trains the others cell by cell. All samples are read once
// before. Runs whose inputs have changed start again beside the old ones (prior_runs.h); where only the test set has
// changed they are tested again. Returns the exit code: 0, or 1 where a run failed (the others are finished first).
// Throws UsageError and Error.
int run_experiment(Experiment& experiment, int argc, const char* const* argv);

// Refuses what can be judged before any data is read: a noise that does not fit the classes, and noise under which the
// labels carry no signal for a method. Throws UsageError.
void check_feasible(const Experiment& experiment, const RunOptions& options);

// The first training and validation samples, as many as --limit and --validation-limit say, where they are given.
// Throws UsageError where there are fewer.
DataSplits limited(DataSplits data, const RunOptions& options);

}  // namespace cofactor
