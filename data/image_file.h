// Image files, decoded by stb_image: JPEG (baseline and progressive), PNG and BMP.
#pragma once

#include <filesystem>
#include <string_view>

#include "data/rgb_image.h"

namespace cofactor {

// The pixels of an encoded image. What it is shows in its first bytes, not in a name. Gray is repeated in the three
// channels, CMYK converted, alpha dropped, 16 bits cut to 8; a camera's note on how it was held (EXIF) is not looked
// at. Throws Error, naming `path`, with stb_image's reason, for bytes that are no such image or a damaged one, that end
// before the image does, or whose header promises more than 2^27 pixels. Damage that leaves the format intact, some
// wrong bytes within a JPEG's pixels, say, cannot be told from an image. Thread-safe.
RgbImage decode_image(std::string_view bytes, const std::filesystem::path& path);

// The same of a file. Throws Error also where it cannot be read.
RgbImage read_image(const std::filesystem::path& path);

}  // namespace cofactor
