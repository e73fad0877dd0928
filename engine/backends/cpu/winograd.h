// Convolutions with 3 x 3 kernels and stride 1 by Winograd's minimal filtering F(4 x 4, 3 x 3), which takes a quarter
// of the multiplications. The images are cut into tiles of 4 x 4 outputs; each of the 36 numbers that a tile becomes
// (winograd_transforms.h) is multiplied over the channels by itself, and those products are matrix products.
#pragma once

#include "engine/backend.h"
#include "engine/backends/cpu/onednn.h"

namespace cofactor::cpu {

// Whether this method applies (f32, or bf16 computed in f32; channels in multiples of 16) and is faster: where the
// tiles reach far beyond the edge, oneDNN's direct convolution is. w (O, KH, KW, I); y, the image that is cut into
// tiles, is the convolution's output, or its input for the gradient with respect to that.
bool winograd_serves(const Shape& w, const Shape& y, const Conv2dParams& params, DType dtype);

// The kernels of engine/backend.h, without the activation and db. bf16 is read and rounded in the transforms; values
// between them are f32. A NaN or an infinity in a tile spreads over the tile.
void winograd_conv2d(Backend& backend, onednn::Products& products, const Tensor& x, const Tensor& w, const Tensor& b,
                     const Conv2dParams& params, const Tensor& y);
void winograd_conv2d_vjp_input(Backend& backend, onednn::Products& products, const Tensor& grad, const Tensor& w,
                               const Conv2dParams& params, const Tensor& dx);
void winograd_conv2d_vjp_weights(Backend& backend, onednn::Products& products, const Tensor& x, const Tensor& grad,
                                 const Conv2dParams& params, const Tensor& dw);

}  // namespace cofactor::cpu
