#include "experiments/derive/format.h"

#include <algorithm>
#include <cmath>

namespace cofactor {
namespace {

constexpr int kMostDecimals = 6;

// The fewest decimals that show all of the numbers exactly, or else kMostDecimals.
int decimals_for(const std::vector<double>& values) {
  const double rounding = 1e-9 * std::min(1.0, largest(values));
  for (int decimals = 0; decimals < kMostDecimals; ++decimals) {
    const double unit = std::pow(10.0, decimals);
    const auto fits = [=](double value) { return std::abs(value * unit - std::round(value * unit)) <= rounding; };
    if (std::ranges::all_of(values, fits)) return decimals;
  }
  return kMostDecimals;
}

std::string short_number(double value) {
  return value == 0.0 ? "0" : fmt::format("{:.1e}", value);
}

}  // namespace

std::vector<Column> columns_of(const Step& step) {
  switch (step.kind) {
    case Step::Kind::given: return {{"", &step.numbers.values}};
    case Step::Kind::value: return {{"formula", &step.numbers.values}, {"engine", &step.engine}};
    case Step::Kind::gradient:
      return {{"formula", &step.numbers.values}, {"autograd", &step.engine}, {"differences", &step.differences}};
  }
  return {};
}

NumberStyle::NumberStyle(const Step& step) {
  const double most = largest(step.numbers.values);
  decimals_ = decimals_for(step.numbers.values);
  scientific_ = most >= 1e6 || (most < 1e-2 && decimals_ == kMostDecimals);
}

std::string NumberStyle::text(double value) const {
  if (std::isnan(value)) return "-";
  if (scientific_) return value == 0.0 ? "0" : fmt::format("{:.5e}", value);
  const std::string text = fmt::format("{:.{}f}", value, decimals_);
  const bool is_zero = text.find_first_not_of("-0.") == std::string::npos;
  return is_zero && text.starts_with('-') ? text.substr(1) : text;
}

Grid grid_of(const Shape& shape) {
  std::vector<int64_t> extents;
  for (const int64_t extent : shape)
    if (extent != 1) extents.push_back(extent);
  // A matrix stays one, with one row or one column too.
  if (shape.rank() == 2) extents = {shape[0], shape[1]};
  Grid grid;
  if (extents.empty()) return grid;
  grid.columns = extents.back();
  extents.pop_back();
  if (extents.empty()) return grid;
  for (const int64_t extent : extents) grid.rows *= extent;
  for (int64_t row = 0; row < grid.rows; ++row) {
    std::string label;
    int64_t rest = row;
    for (size_t axis = extents.size(); axis-- > 0; rest /= extents[axis])
      label = fmt::format("{}{}{}", rest % extents[axis], label.empty() ? "" : ",", label);
    grid.labels.push_back(label);
  }
  return grid;
}

std::string agreement_of(const Step& step) {
  if (step.kind == Step::Kind::given) return {};
  const std::string formula = short_number(step.formula_error);
  std::string text = step.kind == Step::Kind::value
                         ? fmt::format("Largest difference from the engine: {}.", formula)
                         : fmt::format("Largest difference from autograd: formula {}, differences {}.", formula,
                                       short_number(step.difference_error));
  if (!step.agrees())
    text += fmt::format(" This is too much: expected at most {:.0e}{}.", step.formula_tolerance,
                        step.kind == Step::Kind::value ? "" : fmt::format(" and {:.0e}", step.difference_tolerance));
  return text;
}

std::string summary_of(const Walk& walk) {
  double formula = 0.0, differences = 0.0;
  for (const Step& step : walk.steps()) {
    formula = std::max(formula, step.formula_error);
    differences = std::max(differences, step.difference_error);
  }
  return fmt::format(
      "All in f64 on the device reference. Differences are relative to the largest number of a step, or "
      "to the terms that cancel in it. Over all steps: formula {}, central differences {}.",
      short_number(formula), short_number(differences));
}

}  // namespace cofactor
