// Batches from images that are kept as bytes.
#include "engine/backends/reference/backend.h"

namespace cofactor {

// y[n, h, w, c] = byte * scale_c + shift_c, rounded once, of the byte at (row + h, column + w) of the image, or at
// column + OW - 1 - w where the window is mirrored; pixels outside the image are 0.
void ReferenceBackend::images_from_bytes(const Tensor& bytes, const Tensor& windows, const Tensor& scale,
                                         const Tensor& shift, const Tensor& y) {
  const int64_t height = bytes.dim(1), width = bytes.dim(2), channels = bytes.dim(3);
  const uint8_t* in = bytes.data<uint8_t>();
  const int32_t* window = windows.data<int32_t>();
  float* out = y.data<float>();
  for (int64_t n = 0; n < y.dim(0); ++n, window += 4)
    for (int64_t h = 0; h < y.dim(1); ++h)
      for (int64_t w = 0; w < y.dim(2); ++w) {
        const int64_t row = window[1] + h;
        const int64_t column = window[2] + (window[3] ? y.dim(2) - 1 - w : w);
        const bool inside = row >= 0 && row < height && column >= 0 && column < width;
        for (int64_t c = 0; c < channels; ++c) {
          const uint8_t byte = inside ? in[((window[0] * height + row) * width + column) * channels + c] : uint8_t{0};
          *out++ = pixel_from_byte(byte, scale.data<float>()[c], shift.data<float>()[c]);
        }
      }
}

}  // namespace cofactor
