// Max pooling of NHWC images, vectorised over the channels.
#pragma once

#include "engine/backend.h"

namespace cofactor::cpu {

// Bytes of the workspace: for each output value its maximum's place in the window, kh * KW + kw, as u8, or 255 where a
// ReLU stops the gradient. Windows of more than 255 cells are not served (`max_pool_serves`).
bool max_pool_serves(const Pool2dParams& params);
size_t max_pool_workspace(const Shape& y);

// y[n, oh, ow, c] = activation(max of x over the window), the first among equals, NaN where one is in the window.
// `workspace` may be undefined.
void max_pool(const Tensor& x, const Pool2dParams& params, const Tensor& y, const Tensor& workspace);
// dx = grad at each window's maximum, 0 elsewhere; windows that overlap add up.
void max_pool_vjp(const Tensor& grad, const Tensor& workspace, const Pool2dParams& params, const Tensor& dx);

}  // namespace cofactor::cpu
