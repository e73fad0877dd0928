#include "data/images/png_check.h"

#include <zlib.h>

#include <algorithm>
#include <optional>

#include "data/files/deflate.h"
#include "data/images/encoded_image.h"
#include "data/images/exif.h"

namespace cofactor {

namespace {

constexpr size_t kSignatureBytes = 8, kHeaderBytes = 13;
constexpr uint8_t kGray = 0, kRgbColors = 2, kPalette = 3, kGrayAlpha = 4, kRgbAlpha = 6;
constexpr size_t kMaxColors = 256;
constexpr int64_t kStoredBytes = 0xFFFF;  // the most in an uncompressed block of deflate
constexpr int64_t kStoredHeaderBytes =
    5;  // of such a block: a flag for the last one, its length and the complement of the length
constexpr std::string_view kZlibHeader = "\x78\x01";

void append_big_endian(std::string& bytes, size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xFF);
}

struct Header {
  int64_t width = 0, height = 0;
  uint8_t depth = 0, color = 0, interlace = 0;

  int64_t channels() const { return color == kRgbColors ? 3 : color == kGrayAlpha ? 2 : color == kRgbAlpha ? 4 : 1; }
  // The size of rows including the filter byte before each.
  int64_t bytes_of(int64_t rows, int64_t columns) const {
    return rows == 0 || columns == 0 ? 0 : rows * (1 + (columns * channels() * depth + 7) / 8);
  }
  int64_t inflated_bytes() const {
    if (interlace == 0) return bytes_of(height, width);
    struct Pass {
      int64_t row, column, row_step, column_step;
    };
    constexpr Pass kPasses[] = {{0, 0, 8, 8}, {0, 4, 8, 8}, {4, 0, 8, 4}, {0, 2, 4, 4},
                                {2, 0, 4, 2}, {0, 1, 2, 2}, {1, 0, 2, 1}};
    int64_t bytes = 0;
    for (const Pass& pass : kPasses)
      bytes += bytes_of((height - pass.row + pass.row_step - 1) / pass.row_step,
                        (width - pass.column + pass.column_step - 1) / pass.column_step);
    return bytes;
  }
};

class PngChecker {
 public:
  PngChecker(std::string_view bytes, const std::filesystem::path& path) : image_(bytes, path, "PNG") {}

  CheckedPng run() {
    for (size_t at = kSignatureBytes; !ended_;) at = check_chunk(at);
    image_.require(!data_.empty(), "it has no image data (IDAT)");
    CheckedPng png;
    png.orientation = orientation_;
    if (header_->color == kPalette) {
      image_.require(!palette_.empty(), "its pixels are indices, but it has no palette (PLTE)");
      png.palette = palette_;
      png.index_scale = 255 / ((1 << header_->depth) - 1);
    }
    png.bytes = rewritten();
    return png;
  }

 private:
  // Returns the position of the next chunk.
  size_t check_chunk(size_t at) {
    const size_t length = image_.big_endian(at, 4);
    const std::string_view type = image_.slice(at + 4, 4), data = image_.slice(at + 8, length);
    const size_t end = at + 8 + length + 4;
    const uint32_t checksum = image_.big_endian(end - 4, 4);
    const bool critical = (type[0] & 0x20) == 0;
    if (type == "CgBI") image_.fail_unsupported("it is Apple's variant (CgBI)");
    image_.require(header_.has_value() || type == "IHDR", "its first chunk is not its header (IHDR)");
    if (critical) {
      const auto* checked = reinterpret_cast<const Bytef*>(type.data());
      const auto found = static_cast<uint32_t>(crc32_z(0, checked, 4 + length));
      image_.require(found == checksum, "the checksum of the chunk at byte {} is 0x{:08X}, expected 0x{:08X}", at,
                     found, checksum);
    }
    if (type == "IHDR") {
      check_header(at + 8, length);
    } else if (type == "PLTE") {
      image_.require(palette_.empty() && length > 0 && length % 3 == 0 && length <= 3 * kMaxColors,
                     "the palette at byte {} has {} bytes", at, length);
      palette_ = data;
    } else if (type == "IDAT") {
      data_ += data;
    } else if (type == "IEND") {
      ended_ = true;
    } else if (type == "eXIf") {
      orientation_ = exif_orientation(data);
    } else if (critical) {
      image_.fail_unsupported("it has an unknown critical chunk at byte {}", at);
    }
    return end;
  }

  void check_header(size_t at, size_t length) {
    image_.require(!header_.has_value(), "it has a second header at byte {}", at);
    image_.require(length == kHeaderBytes, "the header at byte {} has {} bytes, expected {}", at, length, kHeaderBytes);
    Header header;
    header.width = image_.big_endian(at, 4);
    header.height = image_.big_endian(at + 4, 4);
    header.depth = static_cast<uint8_t>(image_.big_endian(at + 8, 1));
    header.color = static_cast<uint8_t>(image_.big_endian(at + 9, 1));
    header.interlace = static_cast<uint8_t>(image_.big_endian(at + 12, 1));
    image_.require_size(header.height, header.width);
    image_.require(allowed(header.color, header.depth), "its header has {} bits for color type {}", header.depth,
                   header.color);
    image_.require(image_.big_endian(at + 10, 2) == 0 && header.interlace <= 1,
                   "its header has compression, filter and interlace methods 0x{:06X}", image_.big_endian(at + 10, 3));
    header_ = header;
  }

  static bool allowed(uint8_t color, uint8_t depth) {
    const bool whole_bytes = depth == 8 || depth == 16, parts = depth == 1 || depth == 2 || depth == 4;
    switch (color) {
      case kGray: return parts || whole_bytes;
      case kPalette: return parts || depth == 8;
      case kRgbColors:
      case kGrayAlpha:
      case kRgbAlpha: return whole_bytes;
      default: return false;
    }
  }

  // The image with its rows in uncompressed blocks of deflate.
  std::string rewritten() const {
    const int64_t rows_bytes = header_->inflated_bytes();
    const auto compressed = static_cast<int64_t>(data_.size());
    image_.require(
        rows_bytes / kMaxInflation <= compressed,
        "its header declares {} x {} pixels, which are {} bytes, but its {} compressed bytes hold at most {}",
        header_->height, header_->width, rows_bytes, compressed, compressed * kMaxInflation);
    const int64_t blocks = (rows_bytes + kStoredBytes - 1) / kStoredBytes;
    const int64_t stored = static_cast<int64_t>(kZlibHeader.size()) + rows_bytes + blocks * kStoredHeaderBytes + 4;
    std::string png(image_.slice(0, kSignatureBytes + 8 + kHeaderBytes + 4));
    if (header_->color == kPalette) png[kSignatureBytes + 8 + 9] = kGray;
    append_big_endian(png, static_cast<size_t>(stored));
    png.append("IDAT").append(kZlibHeader);
    inflate_rows(png, rows_bytes);
    png.append(4, '\0');  // zlib's checksum, which inflate_rows has verified
    png.append(4, '\0');  // the chunk's, which stb_image does not read
    return png.append("\0\0\0\0IEND\xAE\x42\x60\x82", 12);
  }

  void inflate_rows(std::string& png, int64_t rows_bytes) const {
    z_stream stream{};
    if (inflateInit(&stream) != Z_OK) throw std::bad_alloc();
    const Closer closer{stream};
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data_.data()));
    stream.avail_in = static_cast<uInt>(data_.size());
    int status = Z_OK;
    for (int64_t left = rows_bytes; left > 0;) {
      const int64_t count = std::min(left, kStoredBytes);
      left -= count;
      png += static_cast<char>(left == 0);
      for (const int64_t length : {count, ~count})
        png.append({static_cast<char>(length & 0xFF), static_cast<char>(length >> 8 & 0xFF)});
      const size_t at = png.size();
      png.resize(at + static_cast<size_t>(count));
      stream.next_out = reinterpret_cast<Bytef*>(png.data() + at);
      stream.avail_out = static_cast<uInt>(count);
      status = inflate(&stream, Z_NO_FLUSH);
      require_inflated(status, stream);
      image_.require(stream.avail_out == 0, "its pixels need {} bytes, but its image data (IDAT) has {}", rows_bytes,
                     stream.total_out);
    }
    if (status != Z_STREAM_END) require_inflated(inflate(&stream, Z_FINISH), stream);  // verifies the checksum
  }

  void require_inflated(int status, const z_stream& stream) const {
    image_.require(status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR,
                   "its image data (IDAT) cannot be inflated after byte {}: {}", stream.total_out,
                   stream.msg != nullptr ? stream.msg : "the stream is damaged");
  }

  struct Closer {
    z_stream& stream;
    ~Closer() { inflateEnd(&stream); }
  };

  EncodedImage image_;
  std::optional<Header> header_;
  std::string palette_, data_;
  int orientation_ = kUpright;
  bool ended_ = false;
};

}  // namespace

CheckedPng check_png(std::string_view bytes, const std::filesystem::path& path) {
  return PngChecker(bytes, path).run();
}

}  // namespace cofactor
