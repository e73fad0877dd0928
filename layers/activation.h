// Activations and reshaping as layers, for Sequential. A ReLU directly after a convolution or a batch norm is faster as
// an option of that layer.
#pragma once

#include "layers/module.h"

namespace cofactor {

// max(x, 0), for x of any shape.
class Relu : public Module {
 public:
  Tensor forward(const Tensor& x) override;
};

// tanh(x), for x of any shape.
class Tanh : public Module {
 public:
  Tensor forward(const Tensor& x) override;
};

// 1 / (1 + exp(-x)), for x of any shape.
class Sigmoid : public Module {
 public:
  Tensor forward(const Tensor& x) override;
};

// (N, ...) to (N, product of the other extents).
class Flatten : public Module {
 public:
  Tensor forward(const Tensor& x) override;
};

}  // namespace cofactor
