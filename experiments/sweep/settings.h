// Everything that decides a run's result, as a JSON object: written beside results and weights, so that nothing made
// with other settings is skipped, resumed or reused. run_settings.h compares two of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "experiments/sweep/experiment.h"
#include "experiments/sweep/options.h"

namespace cofactor {

struct Cell;

// The settings of a method in a cell. Those of a method that fine-tunes contain pre-training's. The data's inputs and
// the experiment's own settings are part of them, its folder is not. `candidate` is the plan of one candidate of a
// search, which then takes the place of the search.
std::string settings_of(const Experiment& experiment, const RunOptions& options, const ExperimentData& data,
                        const Cell& cell, std::string_view method, const std::optional<TrainingPlan>& candidate = {});

// The settings of a result: those of its phase, under "test" what it was tested on, and under "report" what decides the
// experiment's own report. No training depends on these two.
std::string result_settings_of(const std::string& phase_settings, const RunOptions& options,
                               const ExperimentData& data);

// The settings of what a fold's network judges: those of its phase, and under "judged" the samples that are in no fold.
std::string judged_settings_of(const std::string& phase_settings, const ExperimentData& data);

}  // namespace cofactor
