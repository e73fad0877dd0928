// Decodes image files with stb_image: JPEG (baseline and progressive), PNG and BMP.
#pragma once

#include <filesystem>
#include <string_view>

#include "data/images/rgb_image.h"

namespace cofactor {

// Decodes an image to RGB. The format is recognised by the first bytes (image_kind.h), not by the name. Gray is
// repeated in the three channels, CMYK is converted, alpha is dropped, and 16 bits are reduced to 8. The image is
// turned upright according to the EXIF orientation of a JPEG or PNG, as Pillow's exif_transpose does.
//
// Everything is checked before stb_image sees it (jpeg_check.h, png_check.h, bmp_check.h), so that every pixel comes
// from the bytes. Damage that leaves the format of a JPEG or BMP valid, such as a few wrong bytes within the pixels of
// a JPEG, is not detected. Thread-safe.
//
// Throws Error, with `path`, if the bytes are not an image of these formats (the message names the format if it is
// known), are damaged or incomplete, or if the header declares more than 2^27 pixels or more than the bytes can hold.
RgbImage decode_image(std::string_view bytes, const std::filesystem::path& path);

// Reads and decodes a file. Throws Error as above, and if the file cannot be read.
RgbImage read_image(const std::filesystem::path& path);

}  // namespace cofactor
