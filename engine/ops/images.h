// Batches from images that are kept on a device as bytes.
#pragma once

#include "engine/tensor.h"

namespace cofactor {

// Normalised windows of images, f32 (N, height, width, C). bytes (S, H, W, C) u8; windows (N, 4) i32, each row the
// members of an ImageWindow, whose image is in [0, S), which is not checked; scale, shift (C) f32. A value is fma(byte,
// scale, shift); pixels outside the image count as byte 0, that is, images are padded, then normalised. The same bits
// on every device. No gradient. Throws Error where shapes, dtypes or devices do not match.
Tensor images_from_bytes(const Tensor& bytes, const Tensor& windows, const Tensor& scale, const Tensor& shift,
                         int64_t height, int64_t width);

}  // namespace cofactor
