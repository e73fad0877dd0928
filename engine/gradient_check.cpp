#include "engine/gradient_check.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/autograd.h"
#include "engine/random.h"

namespace cofactor {

namespace {

using Values = std::vector<double>;

Values random_direction(int64_t count, uint32_t index) {
  const RandomKey key{.seed = 20190913, .purpose = Purpose::test, .index = index};
  Values values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = 2.0 * random_uniform(key, i) - 1.0;
  return values;
}

double dot(const Values& a, const Values& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// values + step * direction
Values moved(Values values, const Values& direction, double step) {
  for (size_t i = 0; i < values.size(); ++i) values[i] += step * direction[i];
  return values;
}

bool is_checked(const Tensor& input) {
  return input.defined() && is_floating(input.dtype());
}

// Copies of the inputs; all floating ones collect a gradient, or `only` that one.
std::vector<Tensor> make_leaves(const std::vector<Tensor>& inputs, const size_t* only) {
  std::vector<Tensor> leaves;
  for (size_t i = 0; i < inputs.size(); ++i) {
    leaves.push_back(inputs[i].defined() ? inputs[i].clone() : Tensor());
    if (is_checked(inputs[i]) && (!only || *only == i)) leaves.back().set_requires_grad(true);
  }
  return leaves;
}

// What f gives at some inputs.
Values values_of(const Tensor& output) {
  check(output.dtype() == DType::f64, "compare_gradients: the function's output is {}, expected f64", output.dtype());
  return output.to_vector<double>();
}

// sum(f(inputs) * weights), differentiated by backward with respect to each input; zeros where it does not depend on
// it. `expected` is what f gives without gradient tracking.
std::vector<Values> gradients(const TensorFunction& f, const std::vector<Tensor>& inputs, const Values& weights,
                              const Values& expected, const size_t* only) {
  const std::vector<Tensor> leaves = make_leaves(inputs, only);
  const Tensor output = f(leaves);
  const auto same = [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); };
  check(std::ranges::equal(values_of(output), expected, same),
        "compare_gradients: the function computes other values while its inputs collect gradients");
  if (output.requires_grad()) backward(output, Tensor::from(weights, output.shape(), output.device()));
  std::vector<Values> result;
  for (const Tensor& leaf : leaves) {
    const auto count = static_cast<size_t>(leaf.defined() ? leaf.numel() : 0);
    const bool reached = leaf.defined() && leaf.grad().defined();
    result.push_back(reached ? leaf.grad().to_vector<double>() : Values(count));
  }
  return result;
}

// Keeps the comparison of one derivative where its error is the largest so far. `size` is that of the whole gradient.
void compare(GradientComparison& worst, size_t input, int64_t element, double backward, double difference,
             double size) {
  double error = std::abs(backward - difference) / std::max({std::abs(backward), std::abs(difference), size, 1e-4});
  if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
  if (worst.input >= 0 && error <= worst.error) return;
  worst = {error, static_cast<int>(input), element, backward, difference};
}

}  // namespace

GradientComparison compare_gradients(const TensorFunction& f, const std::vector<Tensor>& inputs,
                                     const GradientCheckOptions& options) {
  constexpr uint32_t kFirstIndex = 1u << 20;  // of the random streams; far from those that tests draw inputs from
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!is_checked(inputs[i])) continue;
    check(inputs[i].dtype() == DType::f64,
          "compare_gradients: input {} is {}, expected f64: central differences in {} are mostly rounding", i,
          inputs[i].dtype(), inputs[i].dtype());
  }
  const auto values_at = [&f](const std::vector<Tensor>& arguments) {
    const NoGrad no_grad;
    return values_of(f(arguments));
  };
  const Values output = values_at(inputs);
  const Values weights = random_direction(static_cast<int64_t>(output.size()), kFirstIndex);
  const std::vector<Values> together = gradients(f, inputs, weights, output, nullptr);

  GradientComparison worst;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!is_checked(inputs[i])) continue;
    const Values alone = gradients(f, inputs, weights, output, &i)[i];
    const Values start = inputs[i].to_vector<double>();
    const auto count = static_cast<int64_t>(start.size());
    const int64_t rounds = options.each_element ? count : options.directions;
    for (int64_t k = 0; k < rounds; ++k) {
      Values direction(start.size());
      if (options.each_element)
        direction[static_cast<size_t>(k)] = 1.0;
      else
        direction = random_direction(
            count, kFirstIndex + 1 + static_cast<uint32_t>(options.directions * static_cast<int64_t>(i) + k));
      const auto shifted = [&](double step) {
        std::vector<Tensor> arguments = inputs;
        arguments[i] = Tensor::from(moved(start, direction, step), inputs[i].shape(), inputs[i].device());
        return dot(values_at(arguments), weights);
      };
      const double difference = (shifted(options.step) - shifted(-options.step)) / (2.0 * options.step);
      for (const Values* gradient : {&together[i], &alone}) {
        const double square = dot(*gradient, *gradient) / (options.each_element ? static_cast<double>(count) : 1.0);
        compare(worst, i, options.each_element ? k : -1, dot(*gradient, direction), difference, std::sqrt(square));
      }
    }
  }
  return worst;
}

double gradient_error(const TensorFunction& f, const std::vector<Tensor>& inputs) {
  return compare_gradients(f, inputs).error;
}

GradientComparison compare_gradients(const std::function<Tensor()>& loss, const std::vector<NamedTensor>& inputs,
                                     double step) {
  for (const auto& [name, tensor] : inputs) {
    check(tensor.requires_grad() && tensor.dtype() == DType::f64,
          "compare_gradients: {} is {} and {} a gradient, expected f64 that collects one", name, tensor.dtype(),
          tensor.requires_grad() ? "collects" : "does not collect");
    tensor.set_grad({});
  }
  backward(loss());
  const NoGrad no_grad;
  GradientComparison worst;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& tensor = inputs[i].tensor;
    check(tensor.grad().defined(), "compare_gradients: the loss does not depend on {}", inputs[i].name);
    const Values start = tensor.to_vector<double>();
    const Values direction = random_direction(tensor.numel(), 50 + static_cast<uint32_t>(i));
    const auto shifted = [&](double by) {
      tensor.copy_from(Tensor::from(moved(start, direction, by), tensor.shape(), tensor.device()));
      return loss().item();
    };
    const double difference = (shifted(step) - shifted(-step)) / (2.0 * step);
    tensor.copy_from(Tensor::from(start, tensor.shape(), tensor.device()));
    const Values gradient = tensor.grad().to_vector<double>();
    compare(worst, i, -1, dot(gradient, direction), difference, std::sqrt(dot(gradient, gradient)));
  }
  return worst;
}

}  // namespace cofactor
