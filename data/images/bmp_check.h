// What a BMP must hold before stb_image sees it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace cofactor {

// The BMP with one kind of header (40 bytes) before its palette, or color masks, and rows: stb_image misreads the
// palettes and masks of some others. 1, 4, 8, 16, 24 or 32 bits a pixel, not compressed.
//
// Throws Error, naming `path`, where the rows end early, a pixel's index is beyond the palette, or the pixels are more
// than kMaxPixels; also for run lengths and embedded JPEGs and PNGs. Requires bytes that begin as a BMP does.
std::string check_bmp(std::string_view bytes, const std::filesystem::path& path);

}  // namespace cofactor
