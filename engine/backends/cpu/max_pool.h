// Max pooling of NHWC images, vectorised over the channels.
#pragma once

#include "engine/kernel_params.h"

namespace cofactor::cpu {

// The workspace's bytes: one u8 per output value, the position of the maximum in the window, kh * KW + kw, or 255 where
// a ReLU stops the gradient. `max_pool_serves` is false for windows of more than 255 cells.
bool max_pool_serves(const Pool2dParams& params);
size_t max_pool_workspace(const Shape& y);

// y[n, oh, ow, c] = activation(max of x over the window), the first of equal ones; NaN where the window holds one.
// `workspace` may be undefined.
void max_pool(const Tensor& x, const Pool2dParams& params, const Tensor& y, const Tensor& workspace);
// dx = grad at each window's maximum, 0 elsewhere; the gradients of overlapping windows are summed.
void max_pool_vjp(const Tensor& grad, const Tensor& workspace, const Pool2dParams& params, const Tensor& dx);

}  // namespace cofactor::cpu
