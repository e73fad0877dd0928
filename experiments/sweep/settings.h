// Everything that decides a run's result, as JSON: written beside results and weights, so that nothing is skipped,
// resumed or reused that was made under other settings.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "experiments/sweep/experiment.h"
#include "experiments/sweep/options.h"

namespace cofactor {

// One combination of a sweep; every method starts from the same pre-training in it.
struct Cell {
  std::string noise;
  double rate = 0.0;
  uint64_t seed = 1;

  std::string label() const { return fmt::format("{}, rate {:g}, seed {}", noise, rate, seed); }
  // "clothes-to-bags-rate0.8-seed1"
  std::string folder() const { return fmt::format("{}-rate{}-seed{}", noise, rate, seed); }
};

// The settings of a method in a cell, as a JSON object; "ce" is the pre-training, whose settings the others contain.
// `data` is what the run trains on, before noise: its inputs (inputs.h) and its own settings are part of the settings,
// under "data", the folder is not. `candidate`: the plan of one candidate of a search, in place of the search.
std::string settings_of(const Experiment& experiment, const RunOptions& options, const Cell& cell,
                        std::string_view method, const ExperimentData& data,
                        const std::optional<TrainingPlan>& candidate = {});

// Those of a result: the method's, and under "test" what it was tested on, which no training depends on.
std::string result_settings_of(const Experiment& experiment, const RunOptions& options, const Cell& cell,
                               std::string_view method, const ExperimentData& data);

// Throws Error, naming `where`, each setting that differs and the flag that decides it, unless both JSON objects are
// equal.
void check_same_settings(const std::string& found, const std::string& expected, std::string_view where);
// The same of everything but the inputs ("data" and "test"). Of settings that do not say what was learned from, which
// an earlier version wrote, those that both name are compared.
void check_same_flags(const std::string& found, const std::string& expected, std::string_view where);

}  // namespace cofactor
