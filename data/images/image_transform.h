// The transform from a decoded image to the values that a network takes.
#pragma once

#include <array>

#include "data/images/rgb_image.h"
#include "engine/random.h"
#include "engine/shape.h"

namespace cofactor {

// Mean and standard deviation per channel of ImageNet's training images, for values in [0, 1], as torchvision's
// networks expect them.
inline constexpr std::array<float, 3> kImageNetMean = {0.485f, 0.456f, 0.406f};
inline constexpr std::array<float, 3> kImageNetStd = {0.229f, 0.224f, 0.225f};

// The steps in their order: resize, pad, crop, flip, rotation, brightness, saturation, and at last
// value = (byte / 255 - mean) / std. A value of 0 leaves a step out. If no step is random, every reading of an image
// gives the same values.
struct ImageTransform {
  // The size, given in one of two ways: the shorter side in pixels (keeping proportions), or height and width.
  int resize_shorter = 0;
  int resize_h = 0, resize_w = 0;
  int pad = 0;                 // rows and columns of byte 0 on every side
  int crop_h = 0, crop_w = 0;  // a window of the padded image; required with resize_shorter, since sizes differ
  bool random_crop = false;    // at a random position; otherwise in the center
  bool flip = false;           // exchange left and right with probability 1/2
  double max_rotation = 0;     // degrees: rotate by an angle uniform in [-max_rotation, max_rotation]
  double brightness = 0;       // multiply by a factor uniform in [max(0, 1 - brightness), 1 + brightness]
  double saturation = 0;       // likewise
  std::array<float, 3> mean = kImageNetMean;  // of R, G and B
  std::array<float, 3> std = kImageNetStd;
};

// The shape (H, W, 3) of transformed images. Throws Error if the transform is invalid: no size or both ways of giving
// it, a negative number, a crop that does not fit, a rotation above 180 degrees, or a std that is not positive.
Shape transformed_shape(const ImageTransform& transform);

// Whether a transformed image is one of bytes until it is normalised: nothing is rotated, brightened or saturated.
bool keeps_bytes(const ImageTransform& transform);

// Writes the transformed image (H, W, 3) of transformed_shape(transform) to `out`. The row of a random crop is drawn at
// position 0 of the stream, its column at 1, the flip at 2 (as by ImageArray), the angle at 3, brightness at 4 and
// saturation at 5, so that an option does not change the draws of the others. Brightness and saturation keep this
// order, while torchvision's ColorJitter shuffles them. Throws Error as transformed_shape does, and if the image is
// empty.
void transform_image(const ImageTransform& transform, const RgbImage& image, const RandomKey& draws, float* out);
// The same image's bytes before they are normalised. Throws Error unless keeps_bytes(transform).
void transform_image(const ImageTransform& transform, const RgbImage& image, const RandomKey& draws, uint8_t* out);

}  // namespace cofactor
