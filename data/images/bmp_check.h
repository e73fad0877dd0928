// Checks a BMP before stb_image decodes it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace cofactor {

// Returns the BMP with a header of one kind (40 bytes), its palette or color masks, and its rows: stb_image misreads
// the palettes and masks of some other kinds. Supports 1, 4, 8, 16, 24 and 32 bits per pixel without compression. The
// bytes must begin with a BMP's signature (image_kind.h).
//
// Throws Error, with `path`, if the rows are incomplete, a pixel's index is outside the palette, or there are more than
// kMaxPixels pixels; also for run-length encoding and for embedded JPEGs and PNGs.
std::string check_bmp(std::string_view bytes, const std::filesystem::path& path);

}  // namespace cofactor
