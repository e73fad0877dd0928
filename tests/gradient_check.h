// Central differences against backward, for the tests of ops, losses and layers.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/autograd.h"
#include "engine/named_tensor.h"
#include "engine/random.h"
#include "engine/tensor.h"

namespace cofactor::testing {

// Where f64 lives, and gradients are checked.
inline constexpr Device kDevice = Device::reference;

// A function of tensors, deterministic in them: two calls with equal inputs give equal outputs.
using TensorFunction = std::function<Tensor(const std::vector<Tensor>&)>;

// Values uniform in [low, high), decided by `index` alone: tensors with different indices are independent.
template <class T = double>
std::vector<T> random_values(int64_t count, uint32_t index, double low = -1.0, double high = 1.0) {
  const RandomKey key{.seed = 20190913, .purpose = Purpose::test, .index = index, .step = 0};
  std::vector<T> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(low + (high - low) * random_uniform(key, i));
  return values;
}

// The same, as an f64 tensor.
inline Tensor random_tensor(const Shape& shape, uint32_t index, double low = -1.0, double high = 1.0,
                            Device device = Device::reference) {
  return Tensor::from(random_values(shape.numel(), index, low, high), shape, device);
}

namespace detail {

inline double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double total = 0.0;
  for (size_t i = 0; i < a.size(); ++i) total += a[i] * b[i];
  return total;
}

// Fresh leaves with the inputs' values; `tracked` is the one input that collects a gradient, or -1: all floating ones.
inline std::vector<Tensor> make_leaves(const std::vector<Tensor>& inputs, int tracked) {
  std::vector<Tensor> leaves;
  for (size_t i = 0; i < inputs.size(); ++i) {
    leaves.push_back(inputs[i].defined() ? inputs[i].clone() : Tensor());
    if (!inputs[i].defined() || !is_floating(inputs[i].dtype())) continue;
    if (tracked < 0 || static_cast<size_t>(tracked) == i) leaves.back().set_requires_grad(true);
  }
  return leaves;
}

// sum(f(inputs) * seed), untracked.
inline double project(const TensorFunction& f, const std::vector<Tensor>& inputs, const std::vector<double>& seed) {
  const NoGrad no_grad;
  return dot(f(inputs).to_vector<double>(), seed);
}

// The gradients of sum(f(inputs) * seed) by backward; zeros where a leaf was not reached.
inline std::vector<std::vector<double>> gradients(const TensorFunction& f, const std::vector<Tensor>& inputs,
                                                  const std::vector<double>& seed, int tracked) {
  const std::vector<Tensor> leaves = make_leaves(inputs, tracked);
  const Tensor output = f(leaves);
  if (output.requires_grad()) backward(output, Tensor::from(seed, output.shape(), output.device()));
  std::vector<std::vector<double>> result;
  for (const Tensor& leaf : leaves) {
    const auto count = static_cast<size_t>(leaf.defined() ? leaf.numel() : 0);
    const bool reached = leaf.defined() && leaf.grad().defined();
    result.push_back(reached ? leaf.grad().to_vector<double>() : std::vector<double>(count));
  }
  return result;
}

// |a - b| relative to the larger of both and to the gradient's norm, which is what a random projection of it measures
// on average; the floor keeps a gradient that is exactly zero from being compared with the rounding of differences.
inline double relative_error(double a, double b, const std::vector<double>& gradient) {
  const double error = std::abs(a - b) / std::max({std::abs(a), std::abs(b), std::sqrt(dot(gradient, gradient)), 1e-4});
  return std::isnan(error) ? INFINITY : error;
}

}  // namespace detail

// The largest relative error of f's gradients, by backward, against central differences with a step of at most
// 1e-5 in random directions. f maps f64 tensors to one f64 tensor of any shape, whose random projection is
// differentiated. Inputs that are not floating (labels, indices) or undefined are passed on as they are. Each input is
// checked with all of them tracked, and tracked alone. f must be differentiable within the step around the inputs.
inline double gradient_error(const TensorFunction& f, const std::vector<Tensor>& inputs) {
  constexpr double kStep = 1e-5;
  constexpr uint32_t kDirections = 2;
  constexpr uint32_t kSeedIndex = 1u << 20;  // far from the indices that tests give their inputs
  Tensor plain_output;
  {
    const NoGrad no_grad;
    plain_output = f(inputs);
  }
  const std::vector<double> seed = random_values(plain_output.numel(), kSeedIndex);
  const auto together = detail::gradients(f, inputs, seed, -1);

  double worst = 0.0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined() || !is_floating(inputs[i].dtype())) continue;
    const auto alone = detail::gradients(f, inputs, seed, static_cast<int>(i));
    const std::vector<double> values = inputs[i].to_vector<double>();
    for (uint32_t k = 0; k < kDirections; ++k) {
      const auto index = kSeedIndex + 1 + kDirections * static_cast<uint32_t>(i) + k;
      const std::vector<double> direction = random_values(inputs[i].numel(), index);
      auto shifted = [&](double step) {
        std::vector<double> moved = values;
        for (size_t j = 0; j < moved.size(); ++j) moved[j] += step * direction[j];
        std::vector<Tensor> arguments = inputs;
        arguments[i] = Tensor::from(moved, inputs[i].shape(), inputs[i].device());
        return detail::project(f, arguments, seed);
      };
      const double difference = (shifted(kStep) - shifted(-kStep)) / (2.0 * kStep);
      for (const auto* gradient : {&together[i], &alone[i]})
        worst = std::max(worst, detail::relative_error(detail::dot(*gradient, direction), difference, *gradient));
    }
  }
  return worst;
}

// Fails the running test case where a gradient of f differs from central differences by `tolerance` or more, and where
// f computes other values with gradient tracking than without.
inline void check_gradients(const TensorFunction& f, const std::vector<Tensor>& inputs, double tolerance = 1e-6) {
  CHECK(gradient_error(f, inputs) < tolerance);
  const std::vector<double> tracked = f(detail::make_leaves(inputs, -1)).to_vector<double>();
  const NoGrad no_grad;
  const std::vector<double> untracked = f(inputs).to_vector<double>();
  CHECK(tracked == untracked);
}

// The same of a layer or a whole network: the derivatives of loss(), one number, by each of `inputs` in a random
// direction. These are tensors that it reads, parameters among them, which collect gradients; their values are moved in
// place and put back.
inline void check_network_gradients(const std::function<Tensor()>& loss, const std::vector<NamedTensor>& inputs,
                                    double tolerance) {
  backward(loss());
  const NoGrad no_grad;
  for (uint32_t k = 0; k < inputs.size(); ++k) {
    const auto& [name, tensor] = inputs[k];
    CAPTURE(name);
    const std::vector<double> start = tensor.to_vector<double>(), direction = random_values(tensor.numel(), 50 + k);
    const auto shifted = [&](double step) {
      std::vector<double> moved = start;
      for (size_t i = 0; i < moved.size(); ++i) moved[i] += step * direction[i];
      tensor.copy_from(Tensor::from(moved, tensor.shape(), tensor.device()));
      return loss().item();
    };
    constexpr double kStep = 1e-6;  // small, so that no maximum and no ReLU changes sides
    const double difference = (shifted(kStep) - shifted(-kStep)) / (2.0 * kStep);
    tensor.copy_from(Tensor::from(start, tensor.shape(), tensor.device()));
    const std::vector<double> gradient = tensor.grad().to_vector<double>();
    CHECK(detail::relative_error(detail::dot(gradient, direction), difference, gradient) < tolerance);
  }
}

}  // namespace cofactor::testing
