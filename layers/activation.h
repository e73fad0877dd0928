// Activations and reshaping as layers, for Sequential. Where a convolution or a batch norm comes just before a ReLU,
// their option to fuse it is faster.
#pragma once

#include "layers/module.h"

namespace cofactor {

// max(x, 0)
class Relu : public Module {
 public:
  Tensor forward(const Tensor& x) override;
};

class Tanh : public Module {
 public:
  Tensor forward(const Tensor& x) override;
};

// 1 / (1 + exp(-x))
class Sigmoid : public Module {
 public:
  Tensor forward(const Tensor& x) override;
};

// (N, ...) to (N, product of the rest)
class Flatten : public Module {
 public:
  Tensor forward(const Tensor& x) override;
};

}  // namespace cofactor
