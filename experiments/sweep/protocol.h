// The one training protocol of every experiment.
//
// For each cell (noise, rate, seed): the noise falls on the training and validation labels; the test labels stay clean.
// Pre-training with cross entropy runs once; its epoch with the best noisy validation accuracy is the result of method
// `ce`, and what every other method fine-tunes a copy of, with an optimizer of its own. A fine-tuned epoch is selected
// by the method's own loss over the whole noisy validation set. The selected weights are tested once, on clean labels;
// test data never reaches selection.
//
//   OUT/results.jsonl                            one line for each finished run (results.h)
//   OUT/<noise>-rate<r>-seed<s>/<method>/        metrics.jsonl, weights.safetensors; while it runs
//                                                checkpoint.safetensors
//   .../<method>.previous-<n>/                   the same of a run whose inputs have changed since
//   OUT/inputs/<checksum>.csv                    the files that runs learned from and were tested on (input_record.h)
//   .../<method>/search-lr<rate>-batch<size>/    the same of each candidate of --search
#pragma once

#include "experiments/sweep/experiment.h"
#include "experiments/sweep/options.h"

namespace cofactor {

// Runs what the command line asks for, and prints the table of the results. All samples are looked at first. Finished
// runs are skipped, interrupted ones resumed; those whose inputs have changed since begin anew, beside the old ones
// (prior_runs.h), and where only the test has changed they are tested again. Returns the exit code: 0, or 1 where a run
// failed (the others are finished first). Throws UsageError and Error.
int run_experiment(Experiment experiment, int argc, const char* const* argv);

// What can be refused before any data is read: a noise that does not fit the classes; DMI where the labels carry
// nothing (det T = 0, as at rate 1), or where a batch is too small to hold every class. Throws UsageError.
void check_feasible(const Experiment& experiment, const RunOptions& options);

// The first training and validation samples, as many as --limit and --validation-limit say, where they are given.
// Throws UsageError where there are not as many.
DataSplits limited(DataSplits data, const RunOptions& options);

}  // namespace cofactor
