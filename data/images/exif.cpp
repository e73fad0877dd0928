#include "data/images/exif.h"

#include <algorithm>
#include <cstddef>

namespace cofactor {

namespace {

// Reads numbers of a TIFF block; they are 0 past its end.
class TiffBlock {
 public:
  explicit TiffBlock(std::string_view bytes) : bytes_(bytes), big_(bytes.starts_with("MM")) {}
  size_t number(size_t at, size_t count) const {
    if (at > bytes_.size() || count > bytes_.size() - at) return 0;
    size_t value = 0;
    for (size_t i = 0; i < count; ++i)
      value = value << 8 | static_cast<uint8_t>(bytes_[at + (big_ ? i : count - 1 - i)]);
    return value;
  }
  bool has_byte_order() const { return bytes_.starts_with("II") || big_; }

 private:
  std::string_view bytes_;
  bool big_;
};

// The pixel of the stored image (height, width, 3) that is shown at (row, column) of the upright image.
struct Source {
  int64_t row, column;
};
Source source_of(int orientation, int64_t height, int64_t width, int64_t row, int64_t column) {
  switch (orientation) {
    case 2: return {row, width - 1 - column};
    case 3: return {height - 1 - row, width - 1 - column};
    case 4: return {height - 1 - row, column};
    case 5: return {column, row};
    case 6: return {height - 1 - column, row};
    case 7: return {height - 1 - column, width - 1 - row};
    case 8: return {column, width - 1 - row};
    default: return {row, column};
  }
}

}  // namespace

int exif_orientation(std::string_view tiff) {
  constexpr size_t kVersion = 42, kOrientation = 0x0112, kByte = 1, kShort = 3, kLong = 4, kEntryBytes = 12;
  const TiffBlock block(tiff);
  if (!block.has_byte_order() || block.number(2, 2) != kVersion) return kUpright;
  const size_t directory = block.number(4, 4), entries = block.number(directory, 2);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + i * kEntryBytes;
    if (entry >= tiff.size()) break;
    if (block.number(entry, 2) != kOrientation) continue;
    const size_t type = block.number(entry + 2, 2);
    const size_t bytes = type == kByte ? 1 : type == kShort ? 2 : type == kLong ? 4 : 0;
    const size_t value = block.number(entry + 8, bytes);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : kUpright;
  }
  return kUpright;
}

RgbImage upright(RgbImage image, int orientation) {
  if (orientation == kUpright) return image;
  RgbImage turned{image.height, image.width, {}};
  if (orientation >= 5) std::swap(turned.height, turned.width);
  turned.pixels.resize(image.pixels.size());
  uint8_t* to = turned.pixels.data();
  for (int64_t row = 0; row < turned.height; ++row) {
    for (int64_t column = 0; column < turned.width; ++column, to += kRgb) {
      const Source from = source_of(orientation, image.height, image.width, row, column);
      std::copy_n(image.pixels.data() + (from.row * image.width + from.column) * kRgb, kRgb, to);
    }
  }
  return turned;
}

}  // namespace cofactor
