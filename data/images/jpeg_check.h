// Checks a JPEG before stb_image decodes it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace cofactor {

struct CheckedJpeg {
  std::string repaired;  // the bytes without stray ones before markers; empty if there are none
  int orientation = 1;   // EXIF's (exif.h)
};

// stb_image reads uninitialised memory where a JPEG lacks a table or a block, fills in zeros for missing data, and
// works for as long as a header of a few bytes demands. Therefore the whole JPEG is first walked through code by code,
// without decoding it, which checks that the tables that a scan uses are defined, that the scans contain every block of
// every component once and to the last bit, that all codes are valid, and that the pixels that the header declares fit
// the file and kMaxPixels. Time and memory are proportional to the number of bytes and to the number of passes over the
// image, which is at most 64. The bytes must begin with a JPEG's signature (image_kind.h).
//
// Up to 64 stray bytes before a marker are skipped, as other readers do. Throws Error, with `path` and the byte, for
// everything else, including unsupported JPEGs: arithmetic or lossless coding, 12 bits, and a height that is declared
// after the first scan.
CheckedJpeg check_jpeg(std::string_view bytes, const std::filesystem::path& path);

}  // namespace cofactor
