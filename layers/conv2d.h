// 2-D convolution with learned weights, as torch.nn.Conv2d.
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
  Conv2dParams params = {};  // stride, padding, dilation, and an activation to fuse
  // Where it is set, the weight starts normal with this standard deviation, and the bias at 0.
  std::optional<double> initial_deviation = {};

  // A square kernel with the same stride and padding along both axes.
  static Conv2dOptions square(int64_t in_channels, int64_t out_channels, int kernel, int stride = 1, int pad = 0);
};

// x (N, H, W, I) to (N, OH, OW, O), extents as in engine/ops/conv.h. Parameters: weight (O, KH, KW, I), in files
// (O, I, KH, KW), and bias (O) unless it is left out (a batch norm follows, say); both start uniform within
// 1 / sqrt(I KH KW), unless a deviation is given. Throws Error for extents below 1.
class Conv2d : public Module {
 public:
  Conv2d(Initializer& init, const Conv2dOptions& options);
  Tensor forward(const Tensor& x) override;
  // The maximum over all places of what forward gives, (N, O); see engine/ops/conv.h.
  Tensor forward_global_max(const Tensor& x);

 private:
  Conv2dParams params_;
  Tensor weight_, bias_;
};

}  // namespace cofactor
