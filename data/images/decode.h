// Image files, decoded by stb_image: JPEG (baseline and progressive), PNG and BMP.
#pragma once

#include <filesystem>
#include <string_view>

#include "data/images/rgb_image.h"

namespace cofactor {

// The pixels of an encoded image. What it is shows in its first bytes (data/images/image_kind.h), not in a name. Gray is
// repeated in the three channels, CMYK converted, alpha dropped, 16 bits cut to 8. The image comes upright: turned or
// mirrored as its note on how the camera was held asks (EXIF, of a JPEG or PNG), as Pillow's exif_transpose does.
//
// All is checked before stb_image sees it (data/images/jpeg_check.h, png_check.h, bmp_check.h). Throws Error, naming
// `path`, for bytes that are no such image, with the name of their kind where it is known, or a damaged one, that end
// before the image does, or whose header promises more than 2^27 pixels or more than the bytes can hold. Every pixel
// comes from the bytes. Damage that leaves a JPEG's or BMP's format intact, some wrong bytes within a JPEG's pixels,
// say, cannot be told from an image. Thread-safe.
RgbImage decode_image(std::string_view bytes, const std::filesystem::path& path);

// The same of a file. Throws Error also where it cannot be read.
RgbImage read_image(const std::filesystem::path& path);

}  // namespace cofactor
