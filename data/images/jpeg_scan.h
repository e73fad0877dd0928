// Walks through one scan of a JPEG, code by code but without decoding it, to check that it contains all of its blocks.
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
  int64_t rows = 0, columns = 0;                // blocks of 8 x 8 that its pixels need
  int64_t padded_rows = 0, padded_columns = 0;  // blocks in scans of several components
  bool scanned = false;
  // For each coefficient, the number of its low bits that are still missing; -1: it has not appeared yet.
  std::array<int, 64> bits_left{};
  std::vector<uint64_t> nonzero;  // progressive: per block, a bit mask of the nonzero coefficients in zigzag order
};

struct JpegFrame {
  bool progressive = false;
  int64_t height = 0, width = 0;            // in pixels
  int64_t unit_rows = 0, unit_columns = 0;  // of scans of several components (minimum coded units)
  std::vector<JpegComponent> components;
};

struct JpegScan {
  struct Part {
    JpegComponent* component = nullptr;
    const JpegHuffmanTable *dc = nullptr, *ac = nullptr;
    int64_t blocks = 1;  // per unit
    int prediction = 0;
  };
  size_t begin = 0;  // of its data, from the beginning of the file
  std::vector<Part> parts;
  int first = 0, last = 63;  // the range of its coefficients
  int high = 0, low = 0;     // the number of low bits missing before and after this scan
  int64_t restart_interval = 0;
  int64_t units = 0;
};

// Bytes begin .. end - 1 of a file.
struct ByteRange {
  size_t begin = 0, end = 0;
};

// Returns the position of the marker after the scan. Updates JpegComponent::nonzero for a progressive scan, and appends
// bytes before a marker that belong to nothing to `stray`. Throws Error if the data end before the last unit, contain
// an invalid code, or contain restart markers out of order.
size_t walk_jpeg_scan(const EncodedImage& image, const JpegFrame& frame, JpegScan scan, std::vector<ByteRange>& stray);

}  // namespace cofactor
