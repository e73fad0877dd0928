// A tensor with a name: parameters, buffers, and what a safetensors file holds.
#pragma once

#include <string>
#include <vector>

#include "engine/tensor.h"

namespace cofactor {

struct NamedTensor {
  std::string name;  // as PyTorch would name it: "conv1.weight"
  Tensor tensor;
};

}  // namespace cofactor
