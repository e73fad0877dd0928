// Batches from images that are kept on the device as bytes.
#pragma once

#include "engine/backends/cuda/kernels/launch.h"
#include "engine/kernel_params.h"
#include "engine/tensor.h"

namespace cofactor::cuda {

// One element of y (N, OH, OW, C) from bytes (S, H, W, C) and windows (N, 4): image, row, column, mirrored.
struct ImagesFromBytes {
  const uint8_t* bytes;
  const int32_t* windows;
  const float *scale, *shift;
  int64_t height, width, channels, out_height, out_width;
  float* y;
  COFACTOR_HD void operator()(int64_t i) const {
    const int64_t place = i / channels, c = i % channels;
    const int64_t line = place / out_width, w = place % out_width;
    const int64_t n = line / out_height, h = line % out_height;
    const int32_t* window = windows + 4 * n;
    const int64_t row = window[1] + h;
    const int64_t column = window[2] + (window[3] ? out_width - 1 - w : w);
    const bool inside = row >= 0 && row < height && column >= 0 && column < width;
    const uint8_t byte = inside ? bytes[((window[0] * height + row) * width + column) * channels + c] : uint8_t{0};
    y[i] = pixel_from_byte(byte, scale[c], shift[c]);
  }
};

template <class Launch>
void images_from_bytes(const Launch& launch, const Tensor& bytes, const Tensor& windows, const Tensor& scale,
                       const Tensor& shift, const Tensor& y) {
  launch.each(y.numel(),
              ImagesFromBytes{bytes.data<uint8_t>(), windows.data<int32_t>(), scale.data<float>(), shift.data<float>(),
                              bytes.dim(1), bytes.dim(2), bytes.dim(3), y.dim(1), y.dim(2), y.data<float>()});
}

}  // namespace cofactor::cuda
