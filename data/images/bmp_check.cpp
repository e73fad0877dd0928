#include "data/images/bmp_check.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "data/images/encoded_image.h"

namespace cofactor {

namespace {

constexpr size_t kFileHeader = 14, kOldHeader = 12, kHeader = 40;  // bytes
constexpr uint32_t kUncompressed = 0, kMasks = 3;
constexpr size_t kMaskBytes = 12, kColorBytes = 4;

void append_little_endian(std::string& bytes, size_t value, int count) {
  for (int shift = 0; shift < 8 * count; shift += 8) bytes += static_cast<char>(value >> shift & 0xFF);
}

class BmpChecker {
 public:
  BmpChecker(std::string_view bytes, const std::filesystem::path& path) : image_(bytes, path, "BMP") {}

  std::string run() {
    read_header();
    const std::string colors = bits_ <= 8 ? palette() : compression_ == kMasks ? masks() : std::string();
    const size_t begin = image_.little_endian(10, 4);
    image_.require(begin >= colors_end_, "its pixels begin at byte {}, inside its header of {} bytes", begin,
                   colors_end_);
    const auto row_bytes = static_cast<size_t>((width_ * bits_ + 31) / 32 * 4);
    const std::string_view rows = image_.slice(begin, row_bytes * static_cast<size_t>(height_));
    if (bits_ <= 8) check_indices(rows, row_bytes, colors.size() / kColorBytes);
    return rewritten(colors, rows);
  }

 private:
  void read_header() {
    constexpr std::array<size_t, 7> kSizes = {kOldHeader, kHeader, 52, 56, 64, 108, 124};
    header_bytes_ = image_.little_endian(kFileHeader, 4);
    if (std::ranges::find(kSizes, header_bytes_) == kSizes.end())
      image_.fail_unsupported("it has a header of {} bytes", header_bytes_);
    const bool old = header_bytes_ == kOldHeader;
    const size_t at = kFileHeader + 4;
    const auto extent = [&](size_t field) -> int64_t {
      if (old) return image_.little_endian(field, 2);
      return static_cast<int32_t>(image_.little_endian(field, 4));
    };
    width_ = extent(at);
    const int64_t height = extent(at + (old ? 2 : 4));
    top_down_ = height < 0;
    height_ = top_down_ ? -height : height;
    image_.require_size(height_, width_);
    const uint32_t planes = image_.little_endian(at + (old ? 4 : 8), 2);
    image_.require(planes == 1, "its header declares {} planes", planes);
    bits_ = image_.little_endian(at + (old ? 6 : 10), 2);
    constexpr std::array<int64_t, 6> kBits = {1, 4, 8, 16, 24, 32};
    if (std::ranges::find(kBits, bits_) == kBits.end()) image_.fail_unsupported("it has {} bits per pixel", bits_);
    compression_ = old ? kUncompressed : image_.little_endian(at + 12, 4);
    const bool masked = compression_ == kMasks && header_bytes_ != 64 && (bits_ == 16 || bits_ == 32);
    if (compression_ != kUncompressed && !masked)
      image_.fail_unsupported("it is compressed (method {}, {} bits per pixel)", compression_, bits_);
    colors_end_ = kFileHeader + header_bytes_;
    image_.slice(0, colors_end_);
  }

  // Four bytes per color: B, G, R and 0.
  std::string palette() {
    const bool old = header_bytes_ == kOldHeader;
    const size_t entry = old ? 3 : kColorBytes, begin = image_.little_endian(10, 4);
    const size_t used = old ? 0 : image_.little_endian(kFileHeader + 32, 4), most = size_t{1} << bits_;
    const size_t room = begin > colors_end_ ? (begin - colors_end_) / entry : 0;
    const size_t count = std::min({used == 0 ? most : used, most, room});
    image_.require(count > 0, "its pixels are indices, but it has no palette");
    std::string colors;
    for (size_t i = 0; i < count; ++i, colors_end_ += entry)
      colors.append(image_.slice(colors_end_, 3)).push_back('\0');
    return colors;
  }

  std::string masks() {
    const std::string_view masks = image_.slice(kFileHeader + kHeader, kMaskBytes);
    for (size_t i = 0; i < 3; ++i) {
      const uint32_t mask = image_.little_endian(kFileHeader + kHeader + 4 * i, 4);
      if (mask == 0 || std::popcount(mask) > 8 || (bits_ == 16 && mask > 0xFFFF))
        image_.fail_unsupported("it has a color mask of 0x{:08X}", mask);
    }
    colors_end_ = std::max(colors_end_, kFileHeader + kHeader + kMaskBytes);
    return std::string(masks);
  }

  void check_indices(std::string_view rows, size_t row_bytes, size_t colors) const {
    if (colors == size_t{1} << bits_) return;
    const int64_t in_byte = 8 / bits_;
    for (int64_t row = 0; row < height_; ++row) {
      for (int64_t column = 0; column < width_; ++column) {
        const auto byte =
            static_cast<uint8_t>(rows[static_cast<size_t>(row) * row_bytes + static_cast<size_t>(column / in_byte)]);
        const auto shift = 8 - bits_ * (column % in_byte + 1);
        const size_t index = static_cast<size_t>(byte >> shift) & ((size_t{1} << bits_) - 1);
        image_.require(index < colors, "a pixel has color {} of a palette of {} colors", index, colors);
      }
    }
  }

  std::string rewritten(std::string_view colors, std::string_view rows) const {
    std::string bmp = "BM";
    const size_t begin = kFileHeader + kHeader + colors.size();
    bmp.reserve(begin + rows.size());
    append_little_endian(bmp, begin + rows.size(), 4);
    append_little_endian(bmp, 0, 4);
    append_little_endian(bmp, begin, 4);
    append_little_endian(bmp, kHeader, 4);
    append_little_endian(bmp, static_cast<size_t>(width_), 4);
    append_little_endian(bmp, static_cast<size_t>(top_down_ ? -height_ : height_), 4);
    append_little_endian(bmp, 1, 2);
    append_little_endian(bmp, static_cast<size_t>(bits_), 2);
    append_little_endian(bmp, compression_, 4);
    bmp.append(20, '\0');  // sizes and resolutions, which stb_image does not read
    return bmp.append(colors).append(rows);
  }

  EncodedImage image_;
  int64_t width_ = 0, height_ = 0, bits_ = 0;
  bool top_down_ = false;
  uint32_t compression_ = kUncompressed;
  size_t header_bytes_ = 0;
  size_t colors_end_ = 0;  // of the header including its palette or masks
};

}  // namespace

std::string check_bmp(std::string_view bytes, const std::filesystem::path& path) {
  return BmpChecker(bytes, path).run();
}

}  // namespace cofactor
