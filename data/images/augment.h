// The steps of image augmentation, as functions of an image and of numbers already drawn.
#pragma once

#include "data/images/rgb_image.h"

namespace cofactor {

// The region (region.height, region.width, 3) of an image; pixels outside the image are 0, so that a region larger than
// the image pads it. Throws Error if the region has no pixels.
RgbImage crop(const RgbImage& image, const ImageRegion& region);

// The first position of a window of `length` pixels centered on an axis of `extent` pixels: half of the remainder,
// rounded half to even, as torchvision's CenterCrop does. Throws Error if the window is longer than the axis.
int64_t center_of(int64_t extent, int64_t length);

// Exchanges left and right.
RgbImage flip_horizontally(const RgbImage& image);

RgbFloatImage to_floats(const RgbImage& image);

// Rotates counter-clockwise about the center by an angle in degrees, keeping the size: torchvision's RandomRotation of
// a tensor with bilinear interpolation. With x and y measured from the center and y pointing down, the pixel at (x, y)
// comes from
//   column = cos(a) x - sin(a) y + center,   row = sin(a) x + cos(a) y + center,
// interpolated between four pixels; pixels outside the image are 0.
RgbFloatImage rotate(const RgbFloatImage& image, double degrees);

// value * factor, clamped to [0, 255]: torchvision's adjust_brightness. Throws Error if the factor is negative.
RgbFloatImage adjust_brightness(RgbFloatImage image, double factor);

// factor * value + (1 - factor) * gray, clamped to [0, 255], with gray = 0.2989 R + 0.587 G + 0.114 B: torchvision's
// adjust_saturation. A factor of 0 gives a gray image, 1 leaves the image unchanged. Throws Error if it is negative.
RgbFloatImage adjust_saturation(RgbFloatImage image, double factor);

}  // namespace cofactor
