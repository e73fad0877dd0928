// What a PNG must hold before stb_image sees it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace cofactor {

// A PNG in the one form that stb_image is given: a header, the rows, an end.
struct CheckedPng {
  std::string bytes;
  // With a palette, `bytes` are a gray image of indices that are multiplied by index_scale; R, G, B for each.
  std::string palette;
  int index_scale = 1;
  int orientation = 1;  // EXIF's (data/images/exif.h)
};

// Checks the chunks and the checksums of those that matter, inflates the rows with zlib, to the size that the header
// asks for and no further, and leaves out all else: transparency, color profiles, text. Memory is bounded by
// kMaxPixels and by what so many compressed bytes can hold.
//
// Throws Error, naming `path`, where a chunk is damaged or missing, the rows end early, or the pixels are more than
// kMaxPixels; also for Apple's own variant (CgBI). Requires bytes that begin as a PNG does.
CheckedPng check_png(std::string_view bytes, const std::filesystem::path& path);

}  // namespace cofactor
