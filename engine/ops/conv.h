// 2-D convolution (cross-correlation, as every framework calls it).
#pragma once

#include "engine/backend.h"

namespace cofactor {

// y[n, oh, ow, o] = activation(b[o] + sum_{kh, kw, i} x[n, oh*stride - pad + kh*dilation, .., i] * w[o, kh, kw, i])
// x (N, H, W, I), w (O, KH, KW, I), b (O) or undefined; y (N, OH, OW, O) with
// OH = floor((H + 2 pad - dilation (KH - 1) - 1) / stride) + 1.
// w and b have x's dtype, or are f32 beside a bf16 x: then w is rounded to bf16 for the products, and the gradients of
// w and b are f32. Throws Error where shapes, dtypes or parameters do not fit, or the window is larger than the padded
// image.
Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params = {});

// y[n, o] = the maximum over all places (oh, ow) of conv2d(x, w, b, params), (N, O), as a word convolution ends (Kim
// 2014): the same values and gradients as max pooling over the whole image after it, at a fraction of the backward's
// work, since of each image and filter one place alone has a gradient; nor is the convolution's output kept. Throws
// Error as conv2d does.
Tensor conv2d_global_max(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params = {});

}  // namespace cofactor
