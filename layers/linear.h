// A linear map with learned weights, as torch.nn.Linear.
#pragma once

#include <optional>

#include "layers/init.h"
#include "layers/module.h"

namespace cofactor {

struct LinearOptions {
  int64_t in_features = 0, out_features = 0;
  bool bias = true;
  // Where x is a flattened image: its extents before the flatten. Columns of the weight follow H, W, C here and C, H, W
  // in files; 0 where there was no flatten.
  int64_t flattened_height = 0, flattened_width = 0;
  // Where it is set, the weight starts normal with this standard deviation, and the bias at 0.
  std::optional<double> initial_deviation = {};
};

// x (N, I) to x w^T + b, (N, O). Parameters: weight (O, I), bias (O); both start uniform within 1 / sqrt(I),
// unless a deviation is given. Throws Error for extents below 1, and for flattened extents that do not divide I.
class Linear : public Module {
 public:
  Linear(Initializer& init, const LinearOptions& options);
  Tensor forward(const Tensor& x) override;

 private:
  Tensor weight_, bias_;
};

}  // namespace cofactor
