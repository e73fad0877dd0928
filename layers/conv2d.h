// A 2-D convolution, as torch.nn.Conv2d.
#pragma once

#include <optional>

#include "engine/kernel_params.h"
#include "layers/init.h"
#include "layers/module.h"

namespace cofactor {

struct Conv2dOptions {
  int64_t in_channels = 0, out_channels = 0;
  int kernel_h = 1, kernel_w = 1;
  bool bias = true;
  Conv2dParams params = {};  // stride, padding, dilation and a fused activation
  // If set, initial weights are normal with this standard deviation, and initial biases are 0.
  std::optional<double> initial_deviation = {};

  // A square kernel, with the same stride and padding along both axes.
  static Conv2dOptions square(int64_t in_channels, int64_t out_channels, int kernel, int stride = 1, int pad = 0);
};

// x (N, H, W, I) to (N, OH, OW, O); extents and errors as in engine/ops/conv.h. Parameters: weight (O, KH, KW, I), in
// files (O, I, KH, KW), and bias (O), if there is one. Initial values are uniform in [-a, a) with
// a = 1 / sqrt(I KH KW), unless a deviation is given. Throws Error if an extent is below 1.
class Conv2d : public Module {
 public:
  Conv2d(Initializer& init, const Conv2dOptions& options);
  Tensor forward(const Tensor& x) override;
  // The maximum of forward(x) over all positions, (N, O); see conv2d_global_max in engine/ops/conv.h.
  Tensor forward_global_max(const Tensor& x);

 private:
  Conv2dParams params_;
  Tensor weight_, bias_;
};

}  // namespace cofactor
