// Checks a PNG before stb_image decodes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace cofactor {

// A PNG in the one form that is passed to stb_image: a header, the rows, an end.
struct CheckedPng {
  std::string bytes;
  // R, G, B per color. If it is not empty, `bytes` is a gray image of palette indices times index_scale.
  std::string palette;
  int index_scale = 1;
  int orientation = 1;  // EXIF's (exif.h)
};

// Checks the chunks, and the checksums of critical ones, and inflates the rows with zlib to the size that the header
// declares and no further. Everything else (transparency, color profiles, text) is dropped. Memory is bounded by
// kMaxPixels and by what the compressed bytes can hold. The bytes must begin with a PNG's signature (image_kind.h).
//
// Throws Error, with `path`, if a chunk is damaged or missing, the rows are incomplete, or there are more than
// kMaxPixels pixels; also for Apple's variant of PNG (CgBI).
CheckedPng check_png(std::string_view bytes, const std::filesystem::path& path);

}  // namespace cofactor
