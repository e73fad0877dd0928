#include "data/images/image_kind.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <system_error>

#include "engine/error.h"

namespace cofactor {

namespace {

using std::string_view_literals::operator""sv;

struct Signature {
  std::string_view bytes;
  ImageKind kind;
};

// BMP, whose signature is only two letters, has a function of its own below.
constexpr std::array kSignatures = {
    Signature{"\xFF\xD8\xFF"sv, ImageKind::jpeg},
    Signature{"\x89PNG\r\n\x1A\n"sv, ImageKind::png},
    Signature{"GIF87a"sv, ImageKind::gif},
    Signature{"GIF89a"sv, ImageKind::gif},
    Signature{"II*\0"sv, ImageKind::tiff},
    Signature{"MM\0*"sv, ImageKind::tiff},
    Signature{"II+\0"sv, ImageKind::tiff},  // with offsets of 64 bits
    Signature{"MM\0+"sv, ImageKind::tiff},
    Signature{"\0\0\0\x0CjP  \r\n\x87\n"sv, ImageKind::jpeg2000},
    Signature{"\xFF\x4F\xFF\x51"sv, ImageKind::jpeg2000},  // a codestream alone
    Signature{"8BPS"sv, ImageKind::psd},
};

size_t little_endian(std::string_view bytes, size_t at, size_t count) {
  size_t value = 0;
  for (size_t i = count; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

// Text may begin with "BM" too, but the header of a BMP has one of a few sizes.
bool is_bmp(std::string_view bytes) {
  if (!bytes.starts_with("BM") || bytes.size() < 18) return false;
  constexpr std::array<size_t, 8> kHeaderSizes = {12, 16, 40, 52, 56, 64, 108, 124};
  return std::ranges::find(kHeaderSizes, little_endian(bytes, 14, 4)) != kHeaderSizes.end();
}

// ISO media files begin with a size, "ftyp", the major brand, a version, and compatible brands.
ImageKind kind_of_media(std::string_view bytes) {
  constexpr std::array kHeifBrands = {"heic"sv, "heix"sv, "heim"sv, "heis"sv, "hevc"sv, "hevx"sv, "heif"sv};
  if (bytes.size() < 12 || bytes.substr(4, 4) != "ftyp") return ImageKind::none;
  for (size_t at = 8; at + 4 <= bytes.size(); at += at == 8 ? 8 : 4) {
    const std::string_view brand = bytes.substr(at, 4);
    if (brand == "avif" || brand == "avis") return ImageKind::avif;
    if (std::ranges::find(kHeifBrands, brand) != kHeifBrands.end()) return ImageKind::heif;
  }
  const std::string_view major = bytes.substr(8, 4);
  return major == "mif1" || major == "msf1" ? ImageKind::heif : ImageKind::none;
}

}  // namespace

ImageKind image_kind(std::string_view first_bytes) {
  first_bytes = first_bytes.substr(0, kImageKindBytes);
  for (const Signature& signature : kSignatures)
    if (first_bytes.starts_with(signature.bytes)) return signature.kind;
  if (first_bytes.starts_with("RIFF") && first_bytes.size() >= 12 && first_bytes.substr(8, 4) == "WEBP")
    return ImageKind::webp;
  return is_bmp(first_bytes) ? ImageKind::bmp : kind_of_media(first_bytes);
}

ImageKind image_kind_of(const std::filesystem::path& file) {
  std::error_code error;
  const bool regular = std::filesystem::is_regular_file(file, error);  // reading a pipe would block
  check(!error, "image: '{}' cannot be examined: {}", file.string(), error.message());
  check(regular, "image: '{}' is not a regular file", file.string());
  std::array<char, kImageKindBytes> bytes{};
  std::ifstream stream(file, std::ios::binary);
  check(stream.is_open(), "image: '{}' cannot be opened: {}", file.string(), std::strerror(errno));
  stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  check(!stream.bad(), "image: '{}' cannot be read: {}", file.string(), std::strerror(errno));
  return image_kind({bytes.data(), static_cast<size_t>(stream.gcount())});
}

std::string_view name_of(ImageKind kind) {
  switch (kind) {
    case ImageKind::jpeg: return "JPEG";
    case ImageKind::png: return "PNG";
    case ImageKind::bmp: return "BMP";
    case ImageKind::gif: return "GIF";
    case ImageKind::webp: return "WebP";
    case ImageKind::tiff: return "TIFF";
    case ImageKind::heif: return "HEIF";
    case ImageKind::avif: return "AVIF";
    case ImageKind::jpeg2000: return "JPEG 2000";
    case ImageKind::psd: return "Photoshop";
    case ImageKind::none: break;
  }
  return "unknown";
}

bool is_decoded(ImageKind kind) {
  return kind == ImageKind::jpeg || kind == ImageKind::png || kind == ImageKind::bmp;
}

}  // namespace cofactor
