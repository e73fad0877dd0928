// Dropout (Srivastava et al. 2014), as torch.nn.Dropout.
#pragma once

#include "layers/module.h"

namespace cofactor {

// x to the same shape, samples along the first axis. In training each value is set to 0 with probability p and divided
// by 1 - p otherwise; in evaluation x is returned. The mask depends only on the seed and step of Module::set_random,
// which must be called before each forward, on the position of this layer in the network, on the sample's number in the
// batch, which counts from Module::set_random's first sample, and on the position of the value in the sample. Throws
// Error unless p is in [0, 1).
class Dropout : public Module {
 public:
  explicit Dropout(double p = 0.5);
  Tensor forward(const Tensor& x) override;

 private:
  double p_;
};

}  // namespace cofactor
