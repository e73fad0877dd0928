// Dropout (Srivastava et al. 2014), as torch.nn.Dropout.
#pragma once

#include "layers/module.h"

namespace cofactor {

// In training each value is 0 with probability p, else divided by 1 - p; in evaluation x itself. The mask depends on
// the seed and step of Module::set_random, on this layer's place in the network and on the value's position alone: name
// a new step before each forward. Throws Error for p outside [0, 1).
class Dropout : public Module {
 public:
  explicit Dropout(double p = 0.5);
  Tensor forward(const Tensor& x) override;

 private:
  double p_;
};

}  // namespace cofactor
