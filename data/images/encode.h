// Encodes images with stb_image_write, for pages that hold their pictures.
#pragma once

#include <string>

#include "data/images/rgb_image.h"

namespace cofactor {

// The bytes of a JPEG file. quality: 1 to 100; above 90 colors keep the full resolution. Thread-safe. Throws Error if a
// side of the image is not in [1, 65535], the pixels do not fit its sides, or the quality is out of range.
std::string encode_jpeg(const RgbImage& image, int quality = 90);

// The image scaled down so that neither side is longer than `side`, by resize.h; unchanged if it is small enough.
// Throws Error if the image is empty or `side` is below 1.
RgbImage thumbnail(const RgbImage& image, int64_t side);

}  // namespace cofactor
