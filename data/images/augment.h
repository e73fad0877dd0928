// What augmentation does to an image, each a function of the image and of numbers that were drawn.
#pragma once

#include "data/images/rgb_image.h"

namespace cofactor {

// A region of an image; what lies outside of the image is byte 0. With a region that begins before the image this pads.
// Throws Error for a region without a pixel.
RgbImage crop(const RgbImage& image, const ImageRegion& region);

// Where a window of `length` begins so that it stands in the middle of an axis of `extent` >= length: half of what is
// left over, a half rounded to even, as torchvision's CenterCrop does.
int64_t center_of(int64_t extent, int64_t length);

// Left and right exchanged (torchvision's RandomHorizontalFlip, when it does).
RgbImage flip_horizontally(const RgbImage& image);

RgbFloatImage to_floats(const RgbImage& image);

// Turned counter-clockwise about its center by an angle in degrees, at the same size (torchvision's RandomRotation of
// a tensor, bilinear). Pixel (row, column) of the result is read at
//   column' = cos(a) x - sin(a) y + center,   row' = sin(a) x + cos(a) y + center,   x, y from the center, y downwards,
// between four pixels, of which those outside of the image are 0.
RgbFloatImage rotate(const RgbFloatImage& image, double degrees);

// value * factor, held in [0, 255] (torchvision's adjust_brightness). Throws Error for a negative factor.
RgbFloatImage adjust_brightness(RgbFloatImage image, double factor);

// factor * value + (1 - factor) * gray, held in [0, 255], gray = 0.2989 R + 0.587 G + 0.114 B (torchvision's
// adjust_saturation): 0 leaves a gray image, 1 the image as it is. Throws Error for a negative factor.
RgbFloatImage adjust_saturation(RgbFloatImage image, double factor);

}  // namespace cofactor
