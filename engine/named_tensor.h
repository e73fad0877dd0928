// A tensor with a name: a parameter, a buffer, an entry of a safetensors file.
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
