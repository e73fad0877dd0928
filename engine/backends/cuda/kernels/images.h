// Batches from images that are kept on the device as bytes.
#pragma once

#include "engine/backends/cuda/kernels/divider.h"
#include "engine/backends/cuda/kernels/packs.h"
#include "engine/kernel_params.h"
#include "engine/tensor.h"

namespace cofactor::cuda {

// Elements of y (N, OH, OW, C) from bytes (S, H, W, C) and windows (N, 4): image, row, column, mirrored.
struct ImagesFromBytes {
  const uint8_t* bytes;
  const int32_t* windows;
  const float *scale, *shift;
  int height, width;
  Places places;  // of y's elements
  float* y;
  // The elements lie in one row of an image.
  template <int N>
  COFACTOR_HD void run(int64_t at) const {
    const Place first = places.of(at);
    const int channels = static_cast<int>(places.channels.divisor());
    const int out_width = static_cast<int>(places.width.divisor());
    const int32_t* window = windows + 4 * first.n;
    const int row = window[1] + static_cast<int>(first.h);
    const bool in_rows = row >= 0 && row < height;
    const uint8_t* line = bytes + (int64_t{window[0]} * height + row) * width * channels;
    int w = static_cast<int>(first.w), c = static_cast<int>(first.c);
    float values[N];
    for (int k = 0; k < N; ++k) {
      const int column = window[2] + (window[3] ? out_width - 1 - w : w);
      const bool inside = in_rows && column >= 0 && column < width;
      values[k] = pixel_from_byte(inside ? line[column * channels + c] : uint8_t{0}, scale[c], shift[c]);
      if (++c == channels) {
        c = 0;
        ++w;
      }
    }
    Pack<float, N>::of(values).store(y + at);
  }
};

template <class Launch>
void images_from_bytes(const Launch& launch, const Tensor& bytes, const Tensor& windows, const Tensor& scale,
                       const Tensor& shift, const Tensor& y) {
  const int64_t row = bytes.dim(2) * bytes.dim(3);
  check(bytes.dim(1) <= INT32_MAX && row <= INT32_MAX && y.dim(1) <= INT32_MAX && y.dim(2) * y.dim(3) <= INT32_MAX,
        "images_from_bytes: images of {} and windows of {}, expected rows of at most {} bytes", bytes.shape(),
        y.shape(), INT32_MAX);
  float* to = y.data<float>();
  each_pack_in_rows<kPackSize<float>>(
      launch.moves(y.numel() + bytes_of(windows, scale, shift, y)), y.numel(), y.dim(2) * y.dim(3),
      aligned_for_packs(to),
      ImagesFromBytes{bytes.data<uint8_t>(), windows.data<int32_t>(), scale.data<float>(), shift.data<float>(),
                      static_cast<int>(bytes.dim(1)), static_cast<int>(bytes.dim(2)),
                      Places{Divider(y.dim(1)), Divider(y.dim(2)), Divider(y.dim(3))}, to});
}

}  // namespace cofactor::cuda
