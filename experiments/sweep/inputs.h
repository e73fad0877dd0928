// What runs learn from and are tested on: looked at once before anything is trained, and told from that of other runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "experiments/sweep/experiment.h"
#include "experiments/sweep/options.h"

namespace cofactor {

// Where the checksums of files are kept and how the scan says how far it is; before the data is loaded. `program` names
// the lines that it prints, on standard output, where it takes long; none in a worker.
void prepare_scans(std::string_view program, const RunOptions& options);

// Looks at every sample of the three parts (Dataset::contents). Throws Error where some cannot be read, naming how many
// there are in which part, the first of them, and what can be done.
DataInputs look_at(const DataSplits& splits, int threads);
// All its checksums in one line.
std::string inputs_text(const DataInputs& inputs);

// How what an earlier run learned from and was tested on, in its settings (settings.h), relates to what is here.
enum class Inputs {
  same,
  other_test,  // it learned from the same, and was tested on something else
  other,
  unknown  // its settings do not say
};
Inputs compare_inputs(const std::string& found, const std::string& here);

// A file of what each sample is, by which it can be said later what has changed: part, label, checksum and name, a line
// each. Kept in `out`/inputs, one for all runs of the same inputs; none where samples have no names. One that is there
// stays, unless it is to be `renewed`. Throws Error where it cannot be written.
void write_input_record(const std::filesystem::path& out, const Experiment& experiment, const ExperimentData& data,
                        const std::string& settings, bool renewed);

// What differs between the training inputs of an earlier run and those that are here, as part of a sentence: "6 of
// 4,000 labels differ and 1 file is new", from the record where there is one, and else "the training labels differ".
std::string describe_change(const std::filesystem::path& out, const Experiment& experiment, const ExperimentData& data,
                            const std::string& found, const std::string& here);
// The same of the tests.
std::string describe_test_change(const std::string& found, const std::string& here);

}  // namespace cofactor
