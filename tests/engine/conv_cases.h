// The convolutions of the parity tests.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "engine/kernel_params.h"

namespace cofactor::parity {

struct ConvCase {
  int64_t n, h, w, in, out, kh, kw;
  Conv2dParams params = {};
  double absolute = 5e-5;  // how far a result may be off

  Shape x() const { return {n, h, w, in}; }
  Shape weights() const { return {out, kh, kw, in}; }
  Shape y() const { return conv2d_output(x(), weights(), params); }
  std::string text() const {
    return fmt::format("x {} w {} stride {}x{} pad {}x{} dilation {}x{}", x(), weights(), params.stride_h,
                       params.stride_w, params.pad_h, params.pad_w, params.dilation_h, params.dilation_w);
  }
};

inline const std::vector<ConvCase>& conv_cases() {
  static const std::vector<ConvCase> cases{
      {1, 1, 1, 1, 1, 1, 1},
      {3, 7, 5, 1, 16, 3, 3, {.pad_h = 1, .pad_w = 1}},
      {1, 11, 13, 3, 17, 3, 2, {.stride_h = 2, .stride_w = 1, .pad_h = 1, .pad_w = 0}},
      {3, 9, 8, 16, 32, 3, 3, {.pad_h = 1, .pad_w = 1}},
      {1, 12, 7, 17, 5, 5, 3, {.stride_h = 3, .stride_w = 2, .pad_h = 2, .pad_w = 1}},
      {3, 13, 11, 2, 3, 3, 3, {.dilation_h = 2, .dilation_w = 3}},
      {3, 17, 11, 5, 6, 3, 2, {.stride_h = 2, .stride_w = 3, .pad_h = 3, .pad_w = 1, .dilation_h = 3, .dilation_w = 2}},
      {3, 10, 14, 32, 16, 1, 1, {.stride_h = 2, .stride_w = 2}},
      {3, 6, 5, 32, 33, 1, 1},
      {1, 8, 8, 3, 2, 2, 2, {.stride_h = 3, .stride_w = 3}},  // the last rows and columns are in no window
      {3, 1, 19, 13, 7, 1, 4},                                // text
      {1, 1, 5, 8, 3, 1, 5},
      {1, 5, 5, 32, 1, 5, 5},  // one window
      {1, 2, 3, 4, 4, 3, 3, {.pad_h = 2, .pad_w = 2}},
      {1, 29, 23, 3, 16, 7, 7, {.stride_h = 2, .stride_w = 2, .pad_h = 3, .pad_w = 3}},
      {3, 9, 8, 16, 33, 3, 3, {.pad_h = 1, .pad_w = 1}},
      {3, 2, 2, 32, 16, 3, 3, {.pad_h = 1, .pad_w = 1}},  // too small for the tiles
      // By tiles of 4 x 4 outputs on the cpu: whole ones, cut ones, one, and more than are done at once.
      {2, 8, 12, 32, 16, 3, 3, {.pad_h = 1, .pad_w = 1}},
      {1, 9, 13, 48, 64, 3, 3},
      {2, 5, 6, 16, 32, 3, 3, {.pad_h = 2, .pad_w = 2}},
      {1, 7, 8, 64, 16, 3, 3, {.pad_h = 0, .pad_w = 2}},
      {1, 4, 4, 128, 16, 3, 3, {.pad_h = 1, .pad_w = 1}},
      {0, 8, 8, 16, 16, 3, 3, {.pad_h = 1, .pad_w = 1}},
      {1, 123, 121, 16, 16, 3, 3, {.pad_h = 1, .pad_w = 1}, 5e-4},  // dw: sums of 15,000 products
  };
  return cases;
}

}  // namespace cofactor::parity
