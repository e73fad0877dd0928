// Adam (Kingma & Ba 2015), as torch.optim.Adam defines it (kernel_params.h: AdamParams has the formula).
#pragma once

#include "engine/optim/optimizer.h"

namespace cofactor {

struct AdamOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.0;
};

class Adam : public Optimizer {
 public:
  // Throws Error for parameters that are not leaves on one device, and for options out of range.
  Adam(std::vector<NamedTensor> parameters, const AdamOptions& options);
  void step() override;

 private:
  AdamOptions options_;
};

}  // namespace cofactor
