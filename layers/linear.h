// A linear layer, as torch.nn.Linear.
#pragma once

#include <optional>

#include "layers/init.h"
#include "layers/module.h"

namespace cofactor {

struct LinearOptions {
  int64_t in_features = 0, out_features = 0;
  bool bias = true;
  // If x is a flattened image, the extents of the image: the columns of the weight are in H, W, C order in memory and
  // in C, H, W order in files. 0: x is not a flattened image.
  int64_t flattened_height = 0, flattened_width = 0;
  // If set, initial weights are normal with this standard deviation, and initial biases are 0.
  std::optional<double> initial_deviation = {};
};

// x (N, I) to x w^T + b, (N, O). Parameters: weight (O, I) and, if there is one, bias (O). Initial values are uniform
// in [-a, a) with a = 1 / sqrt(I), unless a deviation is given. Throws Error if an extent is below 1 or the flattened
// extents do not divide I.
class Linear : public Module {
 public:
  Linear(Initializer& init, const LinearOptions& options);
  Linear(Initializer& init, int64_t in_features, int64_t out_features)
      : Linear(init, LinearOptions{.in_features = in_features, .out_features = out_features}) {}
  Tensor forward(const Tensor& x) override;

 private:
  Tensor weight_, bias_;
};

}  // namespace cofactor
