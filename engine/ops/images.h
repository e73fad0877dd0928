// Batches made of images that stay on a device as bytes.
#pragma once

#include "engine/backend.h"

namespace cofactor {

// Windows of images, normalised, as f32 (N, height, width, C). bytes (S, H, W, C) u8; windows (N, 4) i32, rows of
// ImageWindow's members (which image, where the window begins, whether it is mirrored), each image in [0, S), which is
// not checked; scale, shift (C) f32. A value is fma(byte, scale, shift), and what lies outside the image counts as byte
// 0: images are padded first, then normalised. The same bits on every device. Without a gradient.
// Throws Error where shapes, dtypes or devices do not fit.
Tensor images_from_bytes(const Tensor& bytes, const Tensor& windows, const Tensor& scale, const Tensor& shift,
                         int64_t height, int64_t width);

}  // namespace cofactor
