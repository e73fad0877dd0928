// One scan of a JPEG, walked through code by code without decoding it: whether its data hold every block of the image.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "data/images/encoded_image.h"
#include "data/images/jpeg_bits.h"

namespace cofactor {

struct JpegComponent {
  uint8_t id = 0;
  int horizontal = 1, vertical = 1;  // sampling factors
  size_t quantization_table = 0;
  int64_t rows = 0, columns = 0;                // blocks of 8 x 8 that its pixels take
  int64_t padded_rows = 0, padded_columns = 0;  // those that scans of several components hold
  bool scanned = false;
  // For each coefficient, how many of its low bits are not coded yet; -1: none is.
  std::array<int, 64> bits_left{};
  std::vector<uint64_t> nonzero;  // progressive: for each block, in zigzag order, the coefficients that are not 0
};

struct JpegFrame {
  bool progressive = false;
  int64_t height = 0, width = 0;            // in pixels
  int64_t unit_rows = 0, unit_columns = 0;  // of interleaved scans (minimum coded units)
  std::vector<JpegComponent> components;
};

struct JpegScan {
  struct Part {
    JpegComponent* component = nullptr;
    const JpegHuffmanTable *dc = nullptr, *ac = nullptr;
    int64_t blocks = 1;  // in a unit
    int prediction = 0;
  };
  size_t begin = 0;  // of its data in the file
  std::vector<Part> parts;
  int first = 0, last = 63;  // coefficients
  int high = 0, low = 0;     // bits left out before and after
  int64_t restart_interval = 0;
  int64_t units = 0;
};

// Bytes of a file, from `begin` on and before `end`.
struct ByteRange {
  size_t begin = 0, end = 0;
};

// Where the marker behind the scan is. Fills in which coefficients a progressive scan leaves nonzero. Bytes before a
// marker that belong to nothing are appended to `stray`. Throws Error where the data end before the last unit, hold no
// valid code, or hold restart markers that are out of order.
size_t walk_jpeg_scan(const EncodedImage& image, const JpegFrame& frame, JpegScan scan, std::vector<ByteRange>& stray);

}  // namespace cofactor
