#include "experiments/derive/walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/autograd.h"
#include "experiments/derive/differences.h"
#include "experiments/sweep/program.h"

namespace cofactor {
namespace {

// Nearer to a kink, rounding would be most of a difference.
constexpr double kKink = 1e-6;

// What differences are at least relative to: the rounding error of a loss, divided by the step, is about 1e-14.
constexpr double kLeastScale = 1e-4;

// Rounding errors are a few units in the last place, times the condition number.
double rounding(double condition, double factor) {
  return factor * condition * std::numeric_limits<double>::epsilon();
}

// The largest difference of two lists, relative to `scale`; infinity where it is NaN.
double relative_error(const std::vector<double>& a, const std::vector<double>& b, double scale) {
  double error = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    const double difference = std::abs(a[i] - b[i]) / scale;
    error = std::isnan(difference) ? std::numeric_limits<double>::infinity() : std::max(error, difference);
  }
  return error;
}

std::vector<double> backward_at(const LossFunction& f, const Tensor& at) {
  Tensor leaf = at.clone();
  leaf.set_requires_grad(true);
  const Tensor output = f(leaf);
  if (output.requires_grad()) backward(output);
  const bool reached = leaf.grad().defined();
  return reached ? leaf.grad().to_vector<double>() : std::vector<double>(static_cast<size_t>(at.numel()), 0.0);
}

// Central differences in each element; NaN at a kink.
std::vector<double> differences_at(const LossFunction& f, const Tensor& at, const GradientOptions& options) {
  const NoGrad no_grad;
  const std::vector<double> start = at.to_vector<double>();
  std::vector<double> result;
  for (int64_t i = 0; i < at.numel(); ++i) {
    const double free = options.smooth_within ? options.smooth_within(i) : std::numeric_limits<double>::infinity();
    if (free < kKink) {
      result.push_back(std::numeric_limits<double>::quiet_NaN());
      continue;
    }
    const auto moved = [&](double by) {
      std::vector<double> values = start;
      values[static_cast<size_t>(i)] += by;
      return f(Tensor::from(values, at.shape(), at.device())).item();
    };
    const double difference = central_difference(moved, std::min(options.step, 0.5 * free));
    // NaN stands for a kink alone.
    result.push_back(std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference);
  }
  return result;
}

void check_shape(const std::string& heading, const Numbers& numbers, const Tensor& engine) {
  check(numbers.shape == engine.shape(), "derive: {}: the formula's numbers have shape {}, the engine's {}", heading,
        numbers.shape, engine.shape());
}

}  // namespace

bool Step::agrees() const {
  return formula_error <= formula_tolerance && difference_error <= difference_tolerance;
}

void Walk::given(const std::string& heading, const Formula& symbol, Numbers numbers) {
  Step step;
  step.heading = heading;
  step.symbol = symbol;
  step.numbers = std::move(numbers);
  add(std::move(step));
}

void Walk::value(const std::string& heading, const Formula& symbol, const Formula& formula, Numbers by_formula,
                 const Tensor& engine, double condition) {
  check_shape(heading, by_formula, engine);
  Step step;
  step.kind = Step::Kind::value;
  step.heading = heading;
  step.symbol = symbol;
  step.formula = formula;
  step.engine = Numbers::of(engine).values;
  step.formula_tolerance = std::max(kFormulaTolerance, rounding(condition, 16.0));
  step.formula_error = relative_error(step.engine, by_formula.values, std::max(largest(step.engine), 1e-300));
  step.numbers = std::move(by_formula);
  add(std::move(step));
}

void Walk::gradient(const std::string& heading, const Formula& symbol, const Formula& formula, Numbers by_formula,
                    const LossFunction& f, const Tensor& at, const GradientOptions& options) {
  check_shape(heading, by_formula, at);
  Step step;
  step.kind = Step::Kind::gradient;
  step.heading = heading;
  step.symbol = symbol;
  step.formula = formula;
  step.engine = backward_at(f, at);
  step.differences = differences_at(options.for_differences ? options.for_differences : f, at, options);
  step.formula_tolerance = std::max(kFormulaTolerance, rounding(options.condition, 16.0));
  step.difference_tolerance = std::max(kDifferenceTolerance, rounding(options.condition, 1e4));
  const double scale = std::max({largest(step.engine), options.scale, 1e-300});
  step.formula_error = relative_error(step.engine, by_formula.values, scale);
  // Where there is no difference, none is to be found.
  const std::vector<double>& differences = step.differences;
  std::vector<double> comparable = step.engine;
  for (size_t i = 0; i < comparable.size(); ++i)
    if (!std::isnan(differences[i])) comparable[i] = differences[i];
  step.difference_error = relative_error(step.engine, comparable, std::max(scale, kLeastScale));
  step.numbers = std::move(by_formula);
  if (const double most = largest(step.engine); scale < kLeastScale && most > 0.0) {
    step.remarks.push_back(
        fmt::format("The gradient is so small, at most {:.1e}, that the loss's own rounding errors hide it from "
                    "differences: they are compared relative to 1e-4.",
                    most));
  }
  if (std::ranges::any_of(step.differences, [](double value) { return std::isnan(value); })) {
    step.remarks.push_back(
        "\"-\": within 1e-6 of this number the function has a kink, where its slopes from the left and from the right "
        "differ, so there is no difference to compare with. At the kink itself the engine takes one of the slopes "
        "between them.");
  }
  add(std::move(step));
}

void Walk::add(Step step) {
  step.number = static_cast<int>(steps_.size()) + 1;
  steps_.push_back(std::move(step));
}

void Walk::show_only(const std::vector<int64_t>& numbers) {
  const auto count = static_cast<int64_t>(steps_.size());
  for (const int64_t number : numbers)
    if (number < 1 || number > count) usage("--steps {}: the walk has steps 1 to {}", number, count);
  for (Step& step : steps_) step.shown = std::ranges::find(numbers, step.number) != numbers.end();
}

void Walk::remark(std::string sentence) {
  steps_.back().remarks.push_back(std::move(sentence));
}

void Walk::draw(const Tensor& output, const std::map<const Node*, std::string>& names) {
  output_ = output;
  names_ = names;
}

}  // namespace cofactor
