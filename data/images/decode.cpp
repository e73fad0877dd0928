#include "data/images/decode.h"

#include <stb_image.h>

#include <limits>
#include <memory>
#include <string>

#include "data/images/bmp_check.h"
#include "data/images/exif.h"
#include "data/images/image_kind.h"
#include "data/images/jpeg_check.h"
#include "data/images/png_check.h"
#include "engine/error.h"
#include "engine/io/file.h"

namespace cofactor {

namespace {

void check_bytes(std::string_view bytes, const std::filesystem::path& path) {
  constexpr auto kMaxBytes = static_cast<size_t>(std::numeric_limits<int>::max());  // stb_image and zlib count in int
  check(bytes.size() <= kMaxBytes, "image: '{}' has {} bytes, expected at most {}", path.string(), bytes.size(),
        kMaxBytes);
}

// Decodes checked bytes to this number of channels.
RgbImage decode_checked(std::string_view bytes, int64_t channels, const std::filesystem::path& path) {
  check_bytes(bytes, path);
  int width = 0, height = 0, channels_in_file = 0;
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(bytes.data()), static_cast<int>(bytes.size()), &width,
                            &height, &channels_in_file, static_cast<int>(channels)),
      &stbi_image_free);
  check(pixels != nullptr, "image: '{}' cannot be decoded: {}", path.string(), stbi_failure_reason());
  return {height, width, {pixels.get(), pixels.get() + int64_t{height} * width * channels}};
}

RgbImage decode_jpeg(std::string_view bytes, const std::filesystem::path& path) {
  const CheckedJpeg jpeg = check_jpeg(bytes, path);
  return upright(decode_checked(jpeg.repaired.empty() ? bytes : jpeg.repaired, kRgb, path), jpeg.orientation);
}

RgbImage decode_png(std::string_view bytes, const std::filesystem::path& path) {
  const CheckedPng png = check_png(bytes, path);
  if (png.palette.empty()) return upright(decode_checked(png.bytes, kRgb, path), png.orientation);
  const RgbImage indices = decode_checked(png.bytes, 1, path);
  RgbImage image{indices.height, indices.width, {}};
  image.pixels.reserve(indices.pixels.size() * kRgb);
  const size_t colors = png.palette.size() / kRgb;
  for (const uint8_t value : indices.pixels) {
    const auto index = static_cast<size_t>(value / png.index_scale);
    check(index < colors, "image: '{}' is damaged: a pixel has color {} of a palette of {} colors", path.string(),
          index, colors);
    const auto color = png.palette.begin() + static_cast<int64_t>(index) * kRgb;
    image.pixels.insert(image.pixels.end(), color, color + kRgb);
  }
  return upright(std::move(image), png.orientation);
}

}  // namespace

RgbImage decode_image(std::string_view bytes, const std::filesystem::path& path) {
  check(!bytes.empty(), "image: '{}' is empty", path.string());
  check_bytes(bytes, path);
  const ImageKind kind = image_kind(bytes);
  switch (kind) {
    case ImageKind::jpeg: return decode_jpeg(bytes, path);
    case ImageKind::png: return decode_png(bytes, path);
    case ImageKind::bmp: return decode_checked(check_bmp(bytes, path), kRgb, path);
    default: break;
  }
  check(kind == ImageKind::none, "image: '{}' is a {} image; only JPEG, PNG and BMP are supported", path.string(),
        name_of(kind));
  fail("image: '{}' is not an image: it does not begin like a JPEG, PNG or BMP file", path.string());
}

RgbImage read_image(const std::filesystem::path& path) {
  return decode_image(read_file(path), path);
}

}  // namespace cofactor
