// A color image in memory.
#pragma once

#include <cstdint>
#include <vector>

namespace cofactor {

// Bytes (H, W, 3), row-major: R, G and B of each pixel.
struct RgbImage {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> pixels;
};

// The same as floats from 0 to 255. Augmentations compute in floats, so that values are rounded only once, at the end.
struct RgbFloatImage {
  int64_t height = 0, width = 0;
  std::vector<float> pixels;
};

inline constexpr int64_t kRgb = 3;  // channels

// Rows row .. row + height - 1 and columns column .. column + width - 1 of an image. It may extend past the edges.
struct ImageRegion {
  int64_t row = 0, column = 0;
  int64_t height = 0, width = 0;
};

}  // namespace cofactor
