// Images of one size as bytes, on the host and, once asked for, on devices.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <vector>

#include "engine/kernel_params.h"

namespace cofactor {

// A pixel's value is fma(byte, scale, shift), by channel, the same bits wherever it is computed.
class ImageBytes {
 public:
  // pixels: S * H * W * C bytes, image_shape (H, W, C), scale and shift (C). Throws Error where the sizes do not fit or
  // there are more than 2^31 - 1 images.
  ImageBytes(std::vector<uint8_t> pixels, const Shape& image_shape, const std::vector<float>& scale,
             const std::vector<float>& shift);

  const Shape& image_shape() const { return shape_; }
  size_t bytes() const { return pixels_.size(); }
  // The bytes of one image, which is not checked.
  std::span<const uint8_t> image(int64_t index) const {
    const auto size = static_cast<size_t>(shape_.numel());
    return std::span(pixels_).subspan(static_cast<size_t>(index) * size, size);
  }

  // Writes the height * width * C values of a window, what lies outside the image as byte 0; on the host the same as
  // images_from_bytes (engine/ops/images.h). The image is not checked.
  void read(const ImageWindow& window, int64_t height, int64_t width, float* out) const;

  // All images on a device, as images_from_bytes takes them: pixels (S, H, W, C) u8, scale and shift (C) f32.
  struct OnDevice {
    Tensor pixels, scale, shift;
  };
  // Copied there at the first call, and kept for as long as the images are. Thread-safe.
  OnDevice on(Device device) const;
  // Whether `on` has been called for the device.
  bool is_on(Device device) const;

 private:
  void normalize(const uint8_t* from, int64_t pixels, float* out) const;
  void pad(int64_t pixels, float* out) const;

  std::vector<uint8_t> pixels_;
  Shape shape_;
  std::vector<float> scale_, shift_;  // the channels' values in turn, many times over
  mutable std::mutex mutex_;          // guards on_devices_
  mutable std::map<Device, OnDevice> on_devices_;
};

}  // namespace cofactor
