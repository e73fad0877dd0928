// The logits and gradients of a network, to compare f32 with bf16.
#pragma once

#include <doctest/doctest.h>

#include <vector>

#include "engine/autograd.h"
#include "layers/module.h"
#include "losses/cross_entropy.h"

namespace cofactor::testing {

// The logits of the network, then the gradient of the cross entropy with respect to each parameter. Checks that logits
// are f32.
inline std::vector<std::vector<float>> logits_and_gradients(Module& network, const Tensor& x, const Tensor& labels,
                                                            bool bf16) {
  network.compute_in_bf16(bf16);
  for (const auto& [name, tensor] : network.parameters()) tensor.set_grad({});
  const Tensor logits = network(x);
  CHECK(logits.dtype() == DType::f32);
  backward(cross_entropy(logits, labels));
  std::vector<std::vector<float>> values{logits.to_vector<float>()};
  for (const auto& [name, tensor] : network.parameters()) values.push_back(tensor.grad().to_vector<float>());
  return values;
}

}  // namespace cofactor::testing
