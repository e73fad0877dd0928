// Values of every element type for the tests of the cuda backend's kernels, and their comparison bit by bit.
#pragma once

#include <cstring>
#include <vector>

#include "engine/tensor.h"
#include "tests/gradient_check.h"

namespace cofactor::testing {

// Random values of T in [low, high), decided by `index` alone.
template <class T>
std::vector<T> random_elements(int64_t count, uint32_t index, double low = -1.0, double high = 1.0) {
  std::vector<T> values;
  for (const double value : random_values(count, index, low, high)) values.push_back(convert<T>(value));
  return values;
}
template <class T>
Tensor random_in(const Shape& shape, uint32_t index, double low = -1.0, double high = 1.0) {
  return Tensor::from(random_elements<T>(shape.numel(), index, low, high), shape, Device::reference);
}

// The same bytes: NaN equals NaN, and 0 differs from -0.
template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

// Calls body.template operator()<T>() for each floating type.
template <class Body>
void for_each_floating(const Body& body) {
  body.template operator()<float>();
  body.template operator()<double>();
  body.template operator()<bf16>();
}

}  // namespace cofactor::testing
