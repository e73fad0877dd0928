// The EXIF orientation of a photograph, and turning an image upright.
#pragma once

#include <string_view>

#include "data/images/rgb_image.h"

namespace cofactor {

inline constexpr int kUpright = 1;  // the orientation of an image that needs no turn

// The orientation, 1 to 8, in an EXIF block: a TIFF header of either byte order and its first directory. kUpright if
// there is none or the block is damaged, since the image itself may be intact.
int exif_orientation(std::string_view tiff);

// The image as it is to be viewed: mirrored (2, 4), rotated by 180 degrees (3), transposed (5, 7), or rotated by 90
// degrees clockwise (6) or counter-clockwise (8).
RgbImage upright(RgbImage image, int orientation);

}  // namespace cofactor
