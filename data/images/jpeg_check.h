// What a JPEG must hold before stb_image sees it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace cofactor {

// A JPEG that a decoder can take at its word.
struct CheckedJpeg {
  std::string mended;   // its bytes without stray ones before markers; empty where there are none: it is as it was
  int orientation = 1;  // EXIF's (data/images/exif.h)
};

// stb_image decodes what was never declared or coded from memory that nobody wrote, takes zeros for data that are not
// there, and works for as long as a header of a few bytes asks. So the whole JPEG is walked through first, code by code
// but without decoding: what a scan uses was defined, the scans hold every block of every component, once and to the
// last bit, all codes are valid, and the pixels that its header promises fit the file and kMaxPixels. Time and memory
// are proportional to the bytes, and to the passes over the image, at most 64.
//
// Up to 64 stray bytes before a marker are passed over, as other readers do. Throws Error, naming `path` and the byte,
// for all else, also for what no decoder here reads: arithmetic or lossless coding, 12 bits, a height that comes later.
// Requires bytes that begin as a JPEG does.
CheckedJpeg check_jpeg(std::string_view bytes, const std::filesystem::path& path);

}  // namespace cofactor
