#include "data/image_bytes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "engine/backend.h"

namespace cofactor {

namespace {

constexpr size_t kRepeats = 64;                    // of the channels' scales and shifts
constexpr size_t kUploadBytes = size_t{16} << 20;  // copied at once: the page-locked memory that a copy takes

template <class T>
void mirror_line(T* line, int64_t width, int64_t channels) {
  for (int64_t left = 0, right = width - 1; left < right; ++left, --right)
    std::swap_ranges(line + left * channels, line + (left + 1) * channels, line + right * channels);
}

}  // namespace

PixelScale pixel_scale(std::string_view what, size_t channel, float mean, float std) {
  check(std::isfinite(mean), "{}: the mean of channel {} is {}", what, channel, mean);
  check(std::isfinite(std) && std > 0, "{}: the std of channel {} is {}, not a positive number", what, channel, std);
  return {static_cast<float>(1.0 / (255.0 * double{std})), static_cast<float>(-double{mean} / double{std})};
}

ImageBytes::ImageBytes(std::vector<uint8_t> pixels, const Shape& image_shape, const std::vector<float>& scale,
                       const std::vector<float>& shift)
    : pixels_(std::move(pixels)), shape_(image_shape) {
  check(image_shape.rank() == 3 && image_shape.numel() > 0, "images: an image has shape {}, expected (H, W, C)",
        image_shape);
  const auto image = static_cast<size_t>(image_shape.numel());
  check(pixels_.size() % image == 0, "images: {} bytes are not a whole number of images of shape {}", pixels_.size(),
        image_shape);
  check(pixels_.size() / image <= std::numeric_limits<int32_t>::max(), "images: {} images, expected at most {}",
        pixels_.size() / image, std::numeric_limits<int32_t>::max());
  const auto channels = static_cast<size_t>(image_shape[2]);
  check(scale.size() == channels && shift.size() == channels, "images: {} scales and {} shifts for {} channels",
        scale.size(), shift.size(), channels);
  for (size_t i = 0; i < channels * kRepeats; ++i) {
    scale_.push_back(scale[i % channels]);
    shift_.push_back(shift[i % channels]);
  }
}

// Works in blocks of whole pixels, which fill vector registers for any number of channels.
void ImageBytes::put(const uint8_t* from, int64_t pixels, float* out) const {
  const auto count = static_cast<size_t>(pixels * shape_[2]);
  const size_t block = scale_.size();
  const float *scale = scale_.data(), *shift = shift_.data();
  for (size_t begin = 0; begin < count; begin += block) {
    const uint8_t* __restrict bytes = from + begin;
    float* __restrict to = out + begin;
    const size_t length = std::min(block, count - begin);
    for (size_t i = 0; i < length; ++i) to[i] = pixel_from_byte(bytes[i], scale[i], shift[i]);
  }
}

void ImageBytes::pad(int64_t pixels, float* out) const {
  const auto channels = static_cast<size_t>(shape_[2]);
  for (int64_t p = 0; p < pixels; ++p)
    for (size_t c = 0; c < channels; ++c) *out++ = pixel_from_byte(0, scale_[c], shift_[c]);
}

void ImageBytes::put(const uint8_t* from, int64_t pixels, uint8_t* out) const {
  std::copy_n(from, pixels * shape_[2], out);
}

void ImageBytes::pad(int64_t pixels, uint8_t* out) const {
  std::fill_n(out, pixels * shape_[2], uint8_t{0});
}

std::vector<PixelScale> ImageBytes::scales() const {
  std::vector<PixelScale> scales;
  for (size_t c = 0; c < static_cast<size_t>(shape_[2]); ++c) scales.push_back({scale_[c], shift_[c]});
  return scales;
}

void ImageBytes::read(const ImageWindow& window, int64_t height, int64_t width, float* out) const {
  read_window(window, height, width, out);
}

void ImageBytes::read(const ImageWindow& window, int64_t height, int64_t width, uint8_t* out) const {
  read_window(window, height, width, out);
}

template <class T>
void ImageBytes::read_window(const ImageWindow& window, int64_t height, int64_t width, T* out) const {
  const int64_t image_height = shape_[0], image_width = shape_[1], channels = shape_[2];
  const uint8_t* image = pixels_.data() + window.image * shape_.numel();
  if (window.row == 0 && window.column == 0 && !window.mirrored && height == image_height && width == image_width)
    return put(image, height * width, out);
  for (int64_t h = 0; h < height; ++h) {
    T* line = out + h * width * channels;
    const int64_t row = window.row + h, column = window.column;
    const bool inside = row >= 0 && row < image_height;
    // Columns begin .. end - 1 of the window are inside the image.
    const int64_t begin = inside ? std::clamp<int64_t>(-column, 0, width) : width;
    const int64_t end = inside ? std::clamp<int64_t>(image_width - column, begin, width) : width;
    pad(begin, line);
    if (begin < end) put(image + (row * image_width + column + begin) * channels, end - begin, line + begin * channels);
    pad(width - end, line + end * channels);
    if (window.mirrored) mirror_line(line, width, channels);
  }
}

ImageBytes::OnDevice ImageBytes::on(Device device) const {
  const std::scoped_lock lock(mutex_);
  const auto found = on_devices_.find(device);
  if (found != on_devices_.end()) return found->second;
  const auto images = static_cast<int64_t>(pixels_.size()) / shape_.numel();
  const auto channels = static_cast<size_t>(shape_[2]);
  const Tensor pixels = Tensor::empty({images, shape_[0], shape_[1], shape_[2]}, DType::u8, device);
  for (size_t at = 0; at < pixels_.size(); at += kUploadBytes)
    pixels.backend().copy_from_host(pixels.data<uint8_t>() + at, pixels_.data() + at,
                                    std::min(kUploadBytes, pixels_.size() - at));
  const auto per_channel = [&](const std::vector<float>& values) {
    return Tensor::from(std::span(values).first(channels), {shape_[2]}, device);
  };
  return on_devices_.emplace(device, OnDevice{pixels, per_channel(scale_), per_channel(shift_)}).first->second;
}

bool ImageBytes::is_on(Device device) const {
  const std::scoped_lock lock(mutex_);
  return on_devices_.contains(device);
}

}  // namespace cofactor
