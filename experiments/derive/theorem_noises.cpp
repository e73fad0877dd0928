#include "experiments/derive/theorem_noises.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "data/noise/file.h"
#include "data/noise/synthetic.h"
#include "engine/ops/log_abs_det.h"
#include "experiments/derive/theorem_world.h"
#include "experiments/sweep/program.h"

namespace cofactor::theorem {
namespace {

constexpr double kMostAmplification = 1e4;

double largest_row_sum(const std::vector<double>& values, size_t classes) {
  double largest = 0.0;
  for (size_t row = 0; row < values.size(); row += classes) {
    double sum = 0.0;
    for (size_t c = 0; c < classes; ++c) sum += std::abs(values[row + c]);
    largest = std::max(largest, sum);
  }
  return largest;
}

NamedNoise checked(std::string name, Transition transition) {
  std::vector<double> inverse;
  try {
    inverse = transition.inverse(name, kMostAmplification);
  } catch (const OutOfMemory&) {
    throw;
  } catch (const Error& error) {
    usage("Theorem 4.1 needs det T != 0. {}", error.what());
  }
  const double log_abs = log_abs_det(transition.tensor()).item();
  const auto classes = static_cast<size_t>(transition.classes());
  return {std::move(name), std::move(transition), log_abs, largest_row_sum(inverse, classes)};
}

Transition transition_of(const std::string& kind, double rate, int64_t classes, uint64_t seed) {
  if (kind == "uniform") return uniform_noise(classes, rate);
  if (kind == "symmetric") return symmetric_noise(classes, rate);
  if (kind == "flip") return flip_noise(classes, {{0, 1}}, rate);
  if (kind == "random") return random_stochastic(classes, rate, key_of(seed, Stream::noise));
  std::vector<LabelFlip> flips;
  for (int64_t c = 0; c < classes; ++c) flips.push_back({c, (c + 1) % classes});
  return flip_noise(classes, flips, rate);
}

}  // namespace

bool NamedNoise::is_dominant() const {
  const int64_t classes = transition.classes();
  for (int64_t from = 0; from < classes; ++from)
    for (int64_t to = 0; to < classes; ++to)
      if (to != from && transition.at(from, to) >= transition.at(from, from)) return false;
  return true;
}

const std::vector<std::string>& noise_kinds() {
  static const std::vector<std::string> kinds = {"uniform", "symmetric", "flip", "cyclic", "random"};
  return kinds;
}

NamedNoise make_noise(const std::string& kind, double rate, int64_t classes, uint64_t seed) {
  if (std::ranges::find(noise_kinds(), kind) == noise_kinds().end())
    usage("--noise {}: expected one of {}", kind, fmt::join(noise_kinds(), ", "));
  if (!(rate >= 0.0 && rate <= 1.0)) usage("--rate {}: expected a probability from 0 to 1", rate);
  return checked(fmt::format("{} {:g}", kind, rate), transition_of(kind, rate, classes, seed));
}

NamedNoise noise_from_file(const std::filesystem::path& path, int64_t classes) {
  return checked("transition", read_transition(path, classes));
}

}  // namespace cofactor::theorem
