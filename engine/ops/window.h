// The number of positions of a sliding window, for conv.cpp and pool.cpp.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/error.h"

namespace cofactor {

// floor((extent + 2 pad - dilation (kernel - 1) - 1) / stride) + 1: how many windows fit along one axis ("height" or
// "width", for the errors). Throws Error for a kernel, stride or dilation below 1, a negative padding, and a window
// larger than the padded image.
inline int64_t window_count(std::string_view op, std::string_view axis, int64_t extent, int64_t kernel, int64_t stride,
                            int64_t pad, int64_t dilation) {
  check(kernel >= 1, "{}: the kernel's {} is {}, expected at least 1", op, axis, kernel);
  check(stride >= 1, "{}: the stride along the {} is {}, expected at least 1", op, axis, stride);
  check(pad >= 0, "{}: the padding along the {} is {}, expected at least 0", op, axis, pad);
  check(dilation >= 1, "{}: the dilation along the {} is {}, expected at least 1 (1 is dense)", op, axis, dilation);
  const int64_t window = dilation * (kernel - 1) + 1;
  check(extent >= 1 && window <= extent + 2 * pad,
        "{}: a window of {} (kernel {}, dilation {}) does not fit the image's {} of {} padded by {} on each side", op,
        window, kernel, dilation, axis, extent, pad);
  return (extent + 2 * pad - window) / stride + 1;
}

}  // namespace cofactor
