// For the tests of the ops' gradients: short forms, and gradients compared with ones worked out by hand.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "tests/gradient_check.h"

namespace cofactor::testing {

using Tensors = std::vector<Tensor>;

inline Tensor matrix(const std::vector<double>& values, int64_t rows, int64_t columns) {
  return Tensor::from(values, {rows, columns}, kHost);
}

inline Tensor integers(const std::vector<int32_t>& values, const Shape& shape) {
  return Tensor::from(values, shape, kHost);
}

// The gradient of sum(f(x) * seed) with respect to x, or that of f(x) where it is a scalar.
inline std::vector<double> gradient_of(const std::function<Tensor(const Tensor&)>& f, const Tensor& x,
                                       const Tensor& seed = {}) {
  Tensor leaf = x.clone();
  leaf.set_requires_grad(true);
  backward(f(leaf), seed);
  return leaf.grad().to_vector<double>();
}

inline void check_near(const std::vector<double>& found, const std::vector<double>& expected, double tolerance) {
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(found[i] - expected[i]) <= tolerance * std::max(1.0, std::abs(expected[i])));
  }
}

}  // namespace cofactor::testing
