// Resizing with antialiasing.
#pragma once

#include <utility>

#include "data/images/rgb_image.h"

namespace cofactor {

// The image resized to height x width with the triangle filter, which widens with the scale where that is below 1
// (bilinear, antialias in torchvision's words): output pixel i, centered at c = (i + 1/2) in / out, is the mean of
// input pixels j weighted by max(0, 1 - |j + 1/2 - c| / max(1, in / out)), along each axis, the rows first. The same
// bytes as Pillow's Image.resize with BILINEAR: weights of 22 fractional bits, each axis rounded to bytes. Throws Error
// for an empty image and sizes below 1.
RgbImage resize(const RgbImage& image, int64_t height, int64_t width);

// A region of it, which is what is computed. Throws Error also where the region is empty or not within height x width.
RgbImage resize(const RgbImage& image, int64_t height, int64_t width, const ImageRegion& region);

// Height and width of an image of height x width whose shorter side is brought to `side`, in proportion: the longer one
// rounded down, as torchvision's Resize(side) does.
std::pair<int64_t, int64_t> shorter_side_to(int64_t side, int64_t height, int64_t width);

}  // namespace cofactor
