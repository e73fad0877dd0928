// From a decoded image to the values that a network takes.
#pragma once

#include <array>

#include "data/images/rgb_image.h"
#include "engine/random.h"
#include "engine/shape.h"

namespace cofactor {

// The mean and standard deviation of ImageNet's training images by channel, of values in [0, 1], as torchvision's
// networks take them.
inline constexpr std::array<float, 3> kImageNetMean = {0.485f, 0.456f, 0.406f};
inline constexpr std::array<float, 3> kImageNetStd = {0.229f, 0.224f, 0.225f};

// In this order: the size, padding, the crop, the flip, rotation, brightness, saturation, and
// value = (byte / 255 - mean) / std. 0 leaves a step out. Without the random ones every reading gives the same values.
struct ImageTransform {
  // The size, one way of the two: the shorter side to so many pixels, the other in proportion, or height and width.
  int resize_shorter = 0;
  int resize_h = 0, resize_w = 0;
  int pad = 0;                 // rows and columns of byte 0 on every side
  int crop_h = 0, crop_w = 0;  // a window of the padded image; resize_shorter needs one, since sizes differ
  bool random_crop = false;    // anywhere in it; otherwise in its middle
  bool flip = false;           // left and right exchanged, with probability 1/2
  double max_rotation = 0;     // degrees: by an angle uniform in [-max_rotation, max_rotation]
  double brightness = 0;       // a factor uniform in [max(0, 1 - brightness), 1 + brightness]
  double saturation = 0;       // likewise
  std::array<float, 3> mean = kImageNetMean;  // of R, G and B
  std::array<float, 3> std = kImageNetStd;
};

// (height, width, 3) of what the transform makes of any image. Throws Error for one that makes no sense: no size or
// both ways, negative numbers, a crop that does not fit, a rotation beyond 180 degrees, a std that is not positive.
Shape transformed_shape(const ImageTransform& transform);

// Writes the transformed image to out: transformed_shape(transform).numel() values. The row of a random crop is drawn
// at position 0 of the stream, its column at 1, the flip at 2 (as ImageArray's), the angle at 3, brightness at 4,
// saturation at 5, so that an option does not change the draws of the others. Where torchvision's ColorJitter shuffles
// brightness and saturation, they keep this order. Throws Error as transformed_shape does, and for an empty image.
void transform_image(const ImageTransform& transform, const RgbImage& image, const RandomKey& draws, float* out);

}  // namespace cofactor
