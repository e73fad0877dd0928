#include "data/noise/sharpness.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/error.h"

namespace cofactor {

namespace {

constexpr float kLeastProbability = 1e-6f;
constexpr double kLeastPower = -4.0, kMostPower = 2.0;  // of two
constexpr double kPowerTolerance = 0.01;

// Where `value` is largest in [low, high], if it has one maximum there.
template <class Function>
double golden_section_maximum(double low, double high, double tolerance, const Function& value) {
  const double ratio = 1.0 / std::numbers::phi;
  double left = high - ratio * (high - low), right = low + ratio * (high - low);
  double at_left = value(left), at_right = value(right);
  while (high - low > tolerance) {
    if (at_left > at_right) {
      high = right;
      right = left;
      at_right = at_left;
      left = high - ratio * (high - low);
      at_left = value(left);
    } else {
      low = left;
      left = right;
      at_left = at_right;
      right = low + ratio * (high - low);
      at_right = value(right);
    }
  }
  return (low + high) / 2.0;
}

}  // namespace

Sharpener::Sharpener(double sharpness) : sharpness_(static_cast<float>(sharpness)) {
  check(sharpness > 0.0 && std::isfinite(sharpness), "sharpness: {}, expected a positive number", sharpness);
}

std::span<const float> Sharpener::sharpen(std::span<const float> probabilities) {
  if (sharpness_ == 1.0f) return probabilities;
  row_.resize(probabilities.size());
  const float most = std::max(std::ranges::max(probabilities), kLeastProbability);
  double sum = 0.0;
  for (size_t c = 0; c < row_.size(); ++c)
    sum += static_cast<double>(row_[c] = std::pow(std::max(probabilities[c], kLeastProbability) / most, sharpness_));
  for (float& value : row_) value = static_cast<float>(static_cast<double>(value) / sum);
  return row_;
}

double likeliest_sharpness(const LabelledPredictions& predictions, const std::vector<int64_t>& samples,
                           const Transition& transition, Outputs outputs) {
  check(!samples.empty(), "sharpness: no sample is given");
  const auto log_likelihood = [&](double power) {
    Sharpener sharpener(std::exp2(power));
    double sum = 0.0;
    for (const int64_t i : samples) {
      const std::span<const float> row = sharpener.sharpen(predictions.row(i));
      const int32_t label = predictions.label(i);
      double of_label = static_cast<double>(row[static_cast<size_t>(label)]);
      if (outputs == Outputs::true_class) {
        of_label = 0.0;
        for (int64_t c = 0; c < predictions.classes; ++c)
          of_label += static_cast<double>(row[static_cast<size_t>(c)]) * transition.at(c, label);
      }
      sum += std::log(std::max(of_label, 1e-12));
    }
    return sum;
  };
  return std::exp2(golden_section_maximum(kLeastPower, kMostPower, kPowerTolerance, log_likelihood));
}

}  // namespace cofactor
