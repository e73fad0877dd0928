// 2-D convolution (strictly, cross-correlation).
#pragma once

#include "engine/kernel_params.h"

namespace cofactor {

// y[n, oh, ow, o] = activation(b[o] + sum_{kh, kw, i} x[n, oh*stride - pad + kh*dilation, .., i] * w[o, kh, kw, i])
// x (N, H, W, I), w (O, KH, KW, I), b (O) or undefined; y (N, OH, OW, O) with
// OH = floor((H + 2 pad - dilation (KH - 1) - 1) / stride) + 1.
// w and b have x's dtype, or are f32 beside a bf16 x: then w is rounded to bf16 for the products, and the gradients of
// w and b are f32. Throws Error where shapes, dtypes or parameters do not match, or the window is larger than the
// padded image.
Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params = {});

// y[n, o] = the maximum of conv2d(x, w, b, params) over all positions (oh, ow), (N, O): max over time, the last step of
// a word convolution (Kim 2014). The values and gradients are those of max pooling over the whole image. Backward takes
// a fraction of the work, since one position per image and filter has a gradient, and the convolution's output is not
// kept. Throws Error as conv2d does.
Tensor conv2d_global_max(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params = {});

}  // namespace cofactor
