// The inputs of a sweep, which are the samples and labels that its runs are trained and tested on: read once before any
// training, recorded, and compared with those of earlier runs in words.
#pragma once

#include <string>
#include <string_view>

#include "experiments/sweep/experiment_data.h"
#include "experiments/sweep/options.h"

namespace cofactor {

// Sets up the scans of files that loading the data starts: where checksums are kept, and the progress lines that a long
// scan prints to standard output, which begin with `program`. A worker prints none.
void prepare_scans(std::string_view program, const RunOptions& options);

// Reads every sample of the three parts (Dataset::contents). Throws Error where some cannot be read, with their number
// per part, the first of them and the remedy.
DataInputs find_inputs(const DataSplits& splits, int threads);
// All their checksums, on one line.
std::string inputs_text(const DataInputs& inputs);

// Writes the record of the inputs: part, label, checksum and name of each sample, one line each, from which a later
// start can tell what has changed. It is kept in OUT/inputs, one file for all runs of the same inputs; none where
// samples have no names. An existing record stays, unless it is to be `renewed`. Throws Error where it cannot be
// written.
void write_input_record(const RunOptions& options, const ExperimentData& data, const std::string& settings,
                        bool renewed);

// What differs between the training inputs of an earlier run and those of this one, as a clause: "6 of 4,000 labels
// differ and 1 file is new", from the record where there is one, and else "training labels differ".
std::string describe_change(const RunOptions& options, const ExperimentData& data, const std::string& found,
                            const std::string& here);
// Likewise of the test sets.
std::string describe_test_change(const std::string& found, const std::string& here);

}  // namespace cofactor
