// The epochs and samples of the paper's experiments in full. The experiments train by these numbers, and figures are
// drawn from the runs that have them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/report/results.h"

namespace cofactor {

struct FullProtocol {
  std::string_view experiment;
  int64_t train, validation, test;  // samples
  int pretraining_epochs;
  int dmi_epochs, other_epochs;  // of fine-tuning

  int finetuning_epochs(std::string_view method) const { return method == "dmi" ? dmi_epochs : other_epochs; }
};

const std::vector<FullProtocol>& full_protocols();
// That of an experiment of the paper. Throws Error for another name.
const FullProtocol& full_protocol(std::string_view experiment);

// What a run lacks to be one of the full protocol, found from its settings: "finetuning has 8 of 20 epochs". Empty
// where it lacks nothing.
std::string missing_from_protocol(const Result& result);

}  // namespace cofactor
