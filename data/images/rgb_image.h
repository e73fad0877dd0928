// One color image in memory.
#pragma once

#include <cstdint>
#include <vector>

namespace cofactor {

// Row-major pixels of R, G and B: height * width * 3 bytes.
struct RgbImage {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> pixels;
};

// The same in floats, in the unit of the bytes: 0 to 255. Augmentations compute in it, so that they round once, at
// the end.
struct RgbFloatImage {
  int64_t height = 0, width = 0;
  std::vector<float> pixels;
};

inline constexpr int64_t kRgb = 3;  // channels

// Rows row .. row + height - 1 and columns column .. column + width - 1 of an image. May reach over its edges.
struct ImageRegion {
  int64_t row = 0, column = 0;
  int64_t height = 0, width = 0;
};

}  // namespace cofactor
