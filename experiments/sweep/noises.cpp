#include "experiments/sweep/noises.h"

namespace cofactor {

std::vector<std::string> noise_names(const ExperimentTable& table) {
  std::vector<std::string> names = table.noises;
  names.emplace_back(kNoNoise);
  names.emplace_back(kGivenNoise);
  return names;
}

bool has_rate(std::string_view noise) {
  return noise != kNoNoise && noise != kGivenNoise;
}

std::vector<double> rates_of(const RunOptions& options, std::string_view noise) {
  return has_rate(noise) ? options.rates : std::vector<double>{0.0};
}

Transition noise_of(const Experiment& experiment, const RunOptions& options, std::string_view noise, double rate) {
  if (noise == kNoNoise) return Transition::identity(static_cast<int64_t>(options.class_names.size()));
  if (noise == kGivenNoise) {
    check(options.transition.has_value(), "noise {}: there is no matrix", noise);
    return *options.transition;
  }
  return experiment.transition(options.class_names, noise, rate);
}

}  // namespace cofactor
