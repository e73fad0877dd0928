// Resizes images with antialiasing.
#pragma once

#include <utility>

#include "data/images/rgb_image.h"

namespace cofactor {

// Resizes the image to (height, width, 3) with the triangle filter, which is widened when the image is made smaller
// (bilinear with antialias in torchvision's terms). Along each axis, rows first, output pixel i, centered at
// c = (i + 1/2) in / out, is the mean of the input pixels j with weights max(0, 1 - |j + 1/2 - c| / max(1, in / out)).
// The bytes are those of Pillow's Image.resize with BILINEAR: weights have 22 fractional bits, and each axis is rounded
// to bytes. Throws Error if the image is empty or a size is below 1.
RgbImage resize(const RgbImage& image, int64_t height, int64_t width);

// A region of the resized image; only the region is computed. Throws Error also if it is empty or not inside
// height x width.
RgbImage resize(const RgbImage& image, int64_t height, int64_t width, const ImageRegion& region);

// The height and width of an image of height x width after its shorter side is resized to `side`, keeping proportions.
// The longer side is rounded down, as by torchvision's Resize(side). Throws Error if a number is below 1.
std::pair<int64_t, int64_t> shorter_side_to(int64_t side, int64_t height, int64_t width);

}  // namespace cofactor
