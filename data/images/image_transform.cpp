#include "data/images/image_transform.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/image_bytes.h"
#include "data/images/augment.h"
#include "data/images/resize.h"
#include "engine/error.h"

namespace cofactor {

namespace {

// Positions in the stream of a sample's draws.
enum : uint64_t { kRowDraw, kColumnDraw, kFlipDraw, kAngleDraw, kBrightnessDraw, kSaturationDraw };

void check_sizes(const ImageTransform& t) {
  check(t.resize_shorter >= 0 && t.resize_h >= 0 && t.resize_w >= 0 && t.pad >= 0 && t.crop_h >= 0 && t.crop_w >= 0,
        "transform: negative sizes: a shorter side of {}, {} x {} pixels, a pad of {}, a crop to {} x {}",
        t.resize_shorter, t.resize_h, t.resize_w, t.pad, t.crop_h, t.crop_w);
  check((t.resize_h > 0) == (t.resize_w > 0) && (t.resize_shorter > 0) != (t.resize_h > 0),
        "transform: a shorter side of {} and a size of {} x {} pixels, expected exactly one of the two",
        t.resize_shorter, t.resize_h, t.resize_w);
  check((t.crop_h > 0) == (t.crop_w > 0), "transform: a crop to {} x {}, expected both sides or neither", t.crop_h,
        t.crop_w);
  check(t.resize_shorter == 0 || t.crop_h > 0,
        "transform: images with a shorter side of {} differ in size, so that a crop is required", t.resize_shorter);
  const bool shorter = t.resize_shorter > 0;
  const int64_t height = int64_t{shorter ? t.resize_shorter : t.resize_h} + 2 * int64_t{t.pad};
  const int64_t width = int64_t{shorter ? t.resize_shorter : t.resize_w} + 2 * int64_t{t.pad};
  check(t.crop_h <= height && t.crop_w <= width, "transform: a crop to {} x {} does not fit images of {} x {}{}",
        t.crop_h, t.crop_w, height, width, t.pad > 0 ? " with their padding" : "");
}

void check_ranges(const ImageTransform& t) {
  check(t.max_rotation >= 0 && t.max_rotation <= 180,
        "transform: a rotation by up to {} degrees, expected a number in [0, 180]", t.max_rotation);
  check(t.brightness >= 0 && std::isfinite(t.brightness),
        "transform: a brightness range of {}, expected a number of at least 0", t.brightness);
  check(t.saturation >= 0 && std::isfinite(t.saturation),
        "transform: a saturation range of {}, expected a number of at least 0", t.saturation);
  for (size_t c = 0; c < t.mean.size(); ++c) pixel_scale("transform", c, t.mean[c], t.std[c]);
}

double uniform_between(double low, double high, const RandomKey& draws, uint64_t position) {
  return low + (high - low) * random_uniform(draws, position);
}

double jitter_factor(double range, const RandomKey& draws, uint64_t position) {
  return uniform_between(std::max(0.0, 1.0 - range), 1.0 + range, draws, position);
}

// The window that is shown of the image resized to height x width; it may begin at -pad.
ImageRegion window_of(const ImageTransform& t, int64_t height, int64_t width, const RandomKey& draws) {
  const int64_t padded_h = height + 2 * int64_t{t.pad}, padded_w = width + 2 * int64_t{t.pad};
  ImageRegion window{0, 0, t.crop_h > 0 ? t.crop_h : padded_h, t.crop_w > 0 ? t.crop_w : padded_w};
  window.row =
      t.random_crop ? random_below(draws, kRowDraw, padded_h - window.height + 1) : center_of(padded_h, window.height);
  window.column =
      t.random_crop ? random_below(draws, kColumnDraw, padded_w - window.width + 1) : center_of(padded_w, window.width);
  window.row -= t.pad;
  window.column -= t.pad;
  return window;
}

// The window of the image resized to height x width. Only the pixels in the window are computed.
RgbImage resized_window(const RgbImage& image, int64_t height, int64_t width, const ImageRegion& window) {
  const int64_t top = std::max<int64_t>(window.row, 0), left = std::max<int64_t>(window.column, 0);
  const int64_t bottom = std::min(window.row + window.height, height);
  const int64_t right = std::min(window.column + window.width, width);
  // A window may be entirely in the padding.
  if (top >= bottom || left >= right) return crop({0, 0, {}}, {0, 0, window.height, window.width});
  RgbImage inside = resize(image, height, width, {top, left, bottom - top, right - left});
  if (inside.height == window.height && inside.width == window.width) return inside;
  return crop(inside, {window.row - top, window.column - left, window.height, window.width});
}

RgbFloatImage jitter(const ImageTransform& t, RgbFloatImage image, const RandomKey& draws) {
  if (t.max_rotation > 0) image = rotate(image, uniform_between(-t.max_rotation, t.max_rotation, draws, kAngleDraw));
  if (t.brightness > 0)
    image = adjust_brightness(std::move(image), jitter_factor(t.brightness, draws, kBrightnessDraw));
  if (t.saturation > 0)
    image = adjust_saturation(std::move(image), jitter_factor(t.saturation, draws, kSaturationDraw));
  return image;
}

// With the rounding of ImageArray, so that the same bytes give the same values.
template <class T>
void normalize_pixels(const ImageTransform& t, const std::vector<T>& pixels, float* out) {
  PixelScale channels[kRgb];
  for (size_t c = 0; c < kRgb; ++c) channels[c] = pixel_scale("transform", c, t.mean[c], t.std[c]);
  for (size_t i = 0; i < pixels.size(); i += kRgb)
    for (size_t c = 0; c < kRgb; ++c)
      out[i + c] = std::fma(static_cast<float>(pixels[i + c]), channels[c].scale, channels[c].shift);
}

}  // namespace

Shape transformed_shape(const ImageTransform& t) {
  check_sizes(t);
  check_ranges(t);
  if (t.crop_h > 0) return {t.crop_h, t.crop_w, kRgb};
  return {t.resize_h + 2 * int64_t{t.pad}, t.resize_w + 2 * int64_t{t.pad}, kRgb};
}

bool keeps_bytes(const ImageTransform& t) {
  return t.max_rotation == 0 && t.brightness == 0 && t.saturation == 0;
}

namespace {

// The image as it is shown: resized, padded, cropped and flipped.
RgbImage shown_image(const ImageTransform& t, const RgbImage& image, const RandomKey& draws) {
  transformed_shape(t);  // throws if the transform is invalid
  check(image.height > 0 && image.width > 0, "transform: an image of {} x {} pixels, expected at least 1 x 1",
        image.height, image.width);
  const auto [height, width] = t.resize_shorter > 0 ? shorter_side_to(t.resize_shorter, image.height, image.width)
                                                    : std::pair<int64_t, int64_t>{t.resize_h, t.resize_w};
  RgbImage shown = resized_window(image, height, width, window_of(t, height, width, draws));
  if (t.flip && random_below(draws, kFlipDraw, 2) == 1) shown = flip_horizontally(shown);
  return shown;
}

}  // namespace

void transform_image(const ImageTransform& t, const RgbImage& image, const RandomKey& draws, float* out) {
  const RgbImage shown = shown_image(t, image, draws);
  if (keeps_bytes(t))
    normalize_pixels(t, shown.pixels, out);
  else
    normalize_pixels(t, jitter(t, to_floats(shown), draws).pixels, out);
}

void transform_image(const ImageTransform& t, const RgbImage& image, const RandomKey& draws, uint8_t* out) {
  check(keeps_bytes(t), "transform: a rotation by up to {} degrees, brightness {} and saturation {} leave no bytes",
        t.max_rotation, t.brightness, t.saturation);
  std::ranges::copy(shown_image(t, image, draws).pixels, out);
}

}  // namespace cofactor
