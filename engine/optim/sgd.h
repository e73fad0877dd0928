// Stochastic gradient descent with momentum, as torch.optim.SGD defines it (kernel_params.h: SgdParams has the
// formula).
#pragma once

#include "engine/optim/optimizer.h"

namespace cofactor {

struct SgdOptions {
  double lr = 1e-3, momentum = 0.0, dampening = 0.0, weight_decay = 0.0;
  bool nesterov = false;  // needs momentum, and dampening 0
};

class Sgd : public Optimizer {
 public:
  // Throws Error for parameters that are not leaves on one device, and for options out of range.
  Sgd(std::vector<NamedTensor> parameters, const SgdOptions& options);
  void step() override;

 private:
  SgdOptions options_;
};

}  // namespace cofactor
