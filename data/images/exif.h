// How a camera was held, as photographs note it (EXIF), and the turn that sets the image upright.
#pragma once

#include <string_view>

#include "data/images/rgb_image.h"

namespace cofactor {

inline constexpr int kUpright = 1;

// The orientation, 1 to 8, that an EXIF block holds: a TIFF header of either byte order and its first directory.
// kUpright where it holds none or is damaged: then nothing is known, and the image itself may be whole.
int exif_orientation(std::string_view tiff);

// The image as it is to be looked at: mirrored (2, 4), turned by half (3), transposed (5, 7), or turned to the right
// (6) or left (8).
RgbImage upright(RgbImage image, int orientation);

}  // namespace cofactor
