// The noise that is added to the labels: an experiment's own noises, at rates, and two without a rate that every
// experiment has.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/noise/transition.h"
#include "experiments/sweep/experiment.h"
#include "experiments/sweep/options.h"

namespace cofactor {

inline constexpr std::string_view kNoNoise = "none";  // the labels as they are: clean, or with noise of their own
inline constexpr std::string_view kGivenNoise = "transition";  // the matrix in the file of --transition

// The names that --noise takes: the experiment's own, then the two above.
std::vector<std::string> noise_names(const ExperimentTable& table);

// The two above have no rate; their cells count as rate 0.
bool has_rate(std::string_view noise);
// The rates at which a sweep runs a noise.
std::vector<double> rates_of(const RunOptions& options, std::string_view noise);

// T(y, y~) of a noise at a rate.
Transition noise_of(const Experiment& experiment, const RunOptions& options, std::string_view noise, double rate);

}  // namespace cofactor
