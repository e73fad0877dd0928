// Gradient checks (engine/gradient_check.h) as doctest's checks, and random inputs for them.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <vector>

#include "engine/autograd.h"
#include "engine/gradient_check.h"
#include "engine/random.h"

namespace cofactor::testing {

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
                            Device device = kHost) {
  return Tensor::from(random_values(shape.numel(), index, low, high), shape, device);
}

// Fails the running test case where a gradient of f differs from central differences by `tolerance` or more.
inline void check_gradients(const TensorFunction& f, const std::vector<Tensor>& inputs, double tolerance = 1e-6) {
  const GradientComparison worst = compare_gradients(f, inputs);
  CAPTURE(worst.input);
  CAPTURE(worst.backward);
  CAPTURE(worst.difference);
  CHECK(worst.error < tolerance);
}

// The same for a layer or a whole network, with respect to its parameters and other tensors that it reads.
inline void check_network_gradients(const std::function<Tensor()>& loss, const std::vector<NamedTensor>& inputs,
                                    double tolerance) {
  const GradientComparison worst = compare_gradients(loss, inputs);
  REQUIRE(worst.input >= 0);
  CAPTURE(inputs[static_cast<size_t>(worst.input)].name);
  CAPTURE(worst.backward);
  CAPTURE(worst.difference);
  CHECK(worst.error < tolerance);
}

}  // namespace cofactor::testing
