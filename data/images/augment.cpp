#include "data/images/augment.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/error.h"

namespace cofactor {

namespace {

constexpr float kBrightest = 255.0f;

float clamped(float value) {
  return std::clamp(value, 0.0f, kBrightest);
}

// Adds weight times a pixel to `sums`, one per channel; a pixel outside the image counts as 0.
void add_pixel(const RgbFloatImage& image, int64_t row, int64_t column, float weight, float* sums) {
  if (row < 0 || row >= image.height || column < 0 || column >= image.width) return;
  const float* pixel = image.pixels.data() + (row * image.width + column) * kRgb;
  for (int64_t c = 0; c < kRgb; ++c) sums[c] += weight * pixel[c];
}

}  // namespace

RgbImage crop(const RgbImage& image, const ImageRegion& region) {
  check(region.height > 0 && region.width > 0, "crop: a region of {} x {} pixels, expected at least 1 x 1",
        region.height, region.width);
  RgbImage out{region.height, region.width,
               std::vector<uint8_t>(static_cast<size_t>(region.height * region.width * kRgb))};
  // Columns begin .. end - 1 of the region are inside the image.
  const int64_t begin = std::clamp<int64_t>(-region.column, 0, region.width);
  const int64_t end = std::clamp<int64_t>(image.width - region.column, begin, region.width);
  for (int64_t h = 0; h < region.height; ++h) {
    const int64_t row = region.row + h;
    if (row < 0 || row >= image.height || begin == end) continue;
    const uint8_t* from = image.pixels.data() + (row * image.width + region.column + begin) * kRgb;
    std::copy_n(from, (end - begin) * kRgb, out.pixels.data() + (h * region.width + begin) * kRgb);
  }
  return out;
}

int64_t center_of(int64_t extent, int64_t length) {
  check(length <= extent, "crop: a window of {} pixels does not fit into {}", length, extent);
  const int64_t left = extent - length, half = left / 2;
  return left % 2 == 0 ? half : half + half % 2;
}

RgbImage flip_horizontally(const RgbImage& image) {
  RgbImage out = image;
  for (int64_t h = 0; h < image.height; ++h) {
    uint8_t* row = out.pixels.data() + h * image.width * kRgb;
    for (int64_t left = 0, right = image.width - 1; left < right; ++left, --right)
      std::swap_ranges(row + left * kRgb, row + (left + 1) * kRgb, row + right * kRgb);
  }
  return out;
}

RgbFloatImage to_floats(const RgbImage& image) {
  return {image.height, image.width, {image.pixels.begin(), image.pixels.end()}};
}

RgbFloatImage rotate(const RgbFloatImage& image, double degrees) {
  const double angle = degrees * std::numbers::pi / 180.0;
  const double cosine = std::cos(angle), sine = std::sin(angle);
  const double center_x = static_cast<double>(image.width - 1) / 2.0;
  const double center_y = static_cast<double>(image.height - 1) / 2.0;
  RgbFloatImage out{image.height, image.width, std::vector<float>(image.pixels.size())};
  float* pixel = out.pixels.data();
  for (int64_t h = 0; h < image.height; ++h) {
    const double y = static_cast<double>(h) - center_y;
    for (int64_t w = 0; w < image.width; ++w, pixel += kRgb) {
      const double x = static_cast<double>(w) - center_x;
      const double from_column = cosine * x - sine * y + center_x, from_row = sine * x + cosine * y + center_y;
      const double left = std::floor(from_column), top = std::floor(from_row);
      const auto right_share = static_cast<float>(from_column - left), lower_share = static_cast<float>(from_row - top);
      const auto column = static_cast<int64_t>(left), row = static_cast<int64_t>(top);
      add_pixel(image, row, column, (1 - lower_share) * (1 - right_share), pixel);
      add_pixel(image, row, column + 1, (1 - lower_share) * right_share, pixel);
      add_pixel(image, row + 1, column, lower_share * (1 - right_share), pixel);
      add_pixel(image, row + 1, column + 1, lower_share * right_share, pixel);
    }
  }
  return out;
}

RgbFloatImage adjust_brightness(RgbFloatImage image, double factor) {
  check(factor >= 0, "augment: a brightness factor of {}, expected at least 0", factor);
  const auto times = static_cast<float>(factor);
  for (float& value : image.pixels) value = clamped(times * value);
  return image;
}

RgbFloatImage adjust_saturation(RgbFloatImage image, double factor) {
  check(factor >= 0, "augment: a saturation factor of {}, expected at least 0", factor);
  const auto times = static_cast<float>(factor);
  for (size_t i = 0; i < image.pixels.size(); i += kRgb) {
    float* rgb = image.pixels.data() + i;
    const float gray = (1 - times) * (0.2989f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2]);
    for (int64_t c = 0; c < kRgb; ++c) rgb[c] = clamped(times * rgb[c] + gray);
  }
  return image;
}

}  // namespace cofactor
