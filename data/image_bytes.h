// The bytes of images of one size, on the host and, on request, on devices.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "engine/kernel_params.h"

namespace cofactor {

// The normalisation of one channel: (byte / 255 - mean) / std, computed as fma(byte, scale, shift).
struct PixelScale {
  float scale = 1, shift = 0;
};
// Throws Error, prefixed with `what` and with the channel's number, if the mean is not finite or the std not positive.
PixelScale pixel_scale(std::string_view what, size_t channel, float mean, float std);

// S images (H, W, C) of bytes. A pixel's value is fma(byte, scale, shift), with a scale and a shift per channel: the
// same bits wherever it is computed.
class ImageBytes {
 public:
  // `pixels` has S * H * W * C bytes, `image_shape` is (H, W, C), `scale` and `shift` have C values. Throws Error if
  // the sizes do not agree or there are more than 2^31 - 1 images.
  ImageBytes(std::vector<uint8_t> pixels, const Shape& image_shape, const std::vector<float>& scale,
             const std::vector<float>& shift);

  const Shape& image_shape() const { return shape_; }
  size_t bytes() const { return pixels_.size(); }  // of all images
  // The H * W * C bytes of one image. The index is not checked.
  std::span<const uint8_t> image(int64_t index) const {
    const auto size = static_cast<size_t>(shape_.numel());
    return std::span(pixels_).subspan(static_cast<size_t>(index) * size, size);
  }

  // Writes the height * width * C values of a window to `out`; pixels outside the image are byte 0. The values are the
  // same as those of images_from_bytes (engine/ops/images.h) on the host. The index of the image is not checked.
  void read(const ImageWindow& window, int64_t height, int64_t width, float* out) const;
  // The same window's bytes.
  void read(const ImageWindow& window, int64_t height, int64_t width, uint8_t* out) const;
  // One per channel.
  std::vector<PixelScale> scales() const;

  // All images on a device, as images_from_bytes takes them: pixels (S, H, W, C) in u8, scale and shift (C) in f32.
  struct OnDevice {
    Tensor pixels, scale, shift;
  };
  // They are copied at the first call and kept for the lifetime of this object. Thread-safe.
  OnDevice on(Device device) const;
  // Whether they have been copied to the device.
  bool is_on(Device device) const;

 private:
  // A line's pixels, and pixels outside the image, as values and as bytes.
  void put(const uint8_t* from, int64_t pixels, float* out) const;
  void put(const uint8_t* from, int64_t pixels, uint8_t* out) const;
  void pad(int64_t pixels, float* out) const;
  void pad(int64_t pixels, uint8_t* out) const;
  template <class T>
  void read_window(const ImageWindow& window, int64_t height, int64_t width, T* out) const;

  std::vector<uint8_t> pixels_;
  Shape shape_;
  std::vector<float> scale_, shift_;  // the channels' values, repeated many times
  mutable std::mutex mutex_;          // guards on_devices_
  mutable std::map<Device, OnDevice> on_devices_;
};

}  // namespace cofactor
