// 2-D pooling of (N, H, W, C).
#pragma once

#include "engine/kernel_params.h"

namespace cofactor {

// Max or average over windows; the extents follow conv2d's formula. Padding may be at most half the kernel. A ReLU can
// be fused with a max.
Tensor pool2d(const Tensor& x, const Pool2dParams& params);
// Shorthands for square windows; stride 0 means the kernel's size.
Tensor max_pool2d(const Tensor& x, int kernel, int stride = 0, int pad = 0, Activation activation = Activation::none);
Tensor avg_pool2d(const Tensor& x, int kernel, int stride = 0, int pad = 0, bool count_include_pad = true);
// Windows that give an output of (N, out_h, out_w, C), as torch.nn.AdaptiveMaxPool2d and AdaptiveAvgPool2d.
Tensor adaptive_max_pool2d(const Tensor& x, int64_t out_h, int64_t out_w);
Tensor adaptive_avg_pool2d(const Tensor& x, int64_t out_h, int64_t out_w);

}  // namespace cofactor
