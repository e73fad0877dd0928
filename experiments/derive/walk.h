// A derivation in steps, each with a formula and its numbers: by the formula, by the engine, and by central
// differences.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/tensor.h"
#include "experiments/derive/numbers.h"

namespace cofactor {

// The same formula for a terminal, in ASCII, and in LaTeX's mathematics.
struct Formula {
  std::string text, latex;
};

// How far numbers may be apart that agree, relative to the largest of their step.
inline constexpr double kFormulaTolerance = 1e-12, kDifferenceTolerance = 1e-8;

struct Step {
  enum class Kind {
    given,     // numbers that no formula makes: inputs, labels
    value,     // numbers by the formula, and by the engine's ops
    gradient,  // by the formula, by autograd, and by central differences
  };
  Kind kind = Kind::given;
  std::string heading;
  Formula symbol, formula;
  Numbers numbers;                   // those given, or by the formula
  std::vector<double> engine;        // by the engine's ops, or by autograd
  std::vector<double> differences;   // NaN where the function has a kink at the point itself
  std::vector<std::string> remarks;  // sentences
  int number = 0;                    // in the walk, from 1
  bool shown = true;                 // whether it is printed

  // The largest differences from the engine's numbers, relative to the largest number of the step or to `scale`, and
  // how large they may be.
  double formula_error = 0.0, difference_error = 0.0;
  double formula_tolerance = kFormulaTolerance, difference_tolerance = kDifferenceTolerance;

  bool agrees() const;
};

// How a gradient's numbers are to be judged.
struct GradientOptions {
  // The size of the terms whose sum or difference the gradient is, where they may cancel: rounding errors are relative
  // to it.
  double scale = 0.0;
  // The first step of the central differences.
  double step = 0.05;
  // How far element i may move, all others kept, until the function has a kink; empty where it is smooth.
  std::function<double(int64_t i)> smooth_within = {};
  // By what factor rounding errors of the inputs are enlarged.
  double condition = 1.0;
  // What the differences are taken of, where it is not f itself.
  std::function<Tensor(const Tensor&)> for_differences = {};
};

// A differentiable function from a tensor to a number, made of the engine's ops.
using LossFunction = std::function<Tensor(const Tensor&)>;

class Walk {
 public:
  explicit Walk(std::string title) : title_(std::move(title)) {}

  // Sentences that stand below the title.
  void note(std::string sentence) { notes_.push_back(std::move(sentence)); }
  void given(const std::string& heading, const Formula& symbol, Numbers numbers);
  // `by_formula` and `engine` have one shape. `condition` as in GradientOptions.
  void value(const std::string& heading, const Formula& symbol, const Formula& formula, Numbers by_formula,
             const Tensor& engine, double condition = 1.0);
  // The gradient of f at a point.
  void gradient(const std::string& heading, const Formula& symbol, const Formula& formula, Numbers by_formula,
                const LossFunction& f, const Tensor& at, const GradientOptions& options = {});
  // A sentence at the last step.
  void remark(std::string sentence);
  // Prints these steps alone, by their numbers. Throws UsageError for a number that no step has.
  void show_only(const std::vector<int64_t>& numbers);
  // What --graph draws: a tensor, and the names of its leaves.
  void draw(const Tensor& output, const std::map<const Node*, std::string>& names);

  const std::string& title() const { return title_; }
  const std::vector<std::string>& notes() const { return notes_; }
  const std::vector<Step>& steps() const { return steps_; }
  const Tensor& output() const { return output_; }
  const std::map<const Node*, std::string>& names() const { return names_; }

 private:
  void add(Step step);

  std::string title_;
  std::vector<std::string> notes_;
  std::vector<Step> steps_;
  Tensor output_;
  std::map<const Node*, std::string> names_;
};

}  // namespace cofactor
