#include "data/images/encode.h"

#include <stb_image_write.h>

#include <algorithm>

#include "data/images/resize.h"
#include "engine/error.h"

namespace cofactor {

namespace {

constexpr int64_t kMaxJpegSide = 65535;

void append_encoded(void* context, void* bytes, int size) {
  static_cast<std::string*>(context)->append(static_cast<const char*>(bytes), static_cast<size_t>(size));
}

}  // namespace

std::string encode_jpeg(const RgbImage& image, int quality) {
  check(image.height >= 1 && image.height <= kMaxJpegSide && image.width >= 1 && image.width <= kMaxJpegSide,
        "encode: an image of {} x {} pixels, expected 1 to {} on each side", image.height, image.width, kMaxJpegSide);
  check(std::ssize(image.pixels) == image.height * image.width * kRgb, "encode: {} bytes for {} x {} pixels",
        image.pixels.size(), image.height, image.width);
  check(quality >= 1 && quality <= 100, "encode: the quality is {}, expected 1 to 100", quality);
  std::string bytes;
  const int written = stbi_write_jpg_to_func(append_encoded, &bytes, static_cast<int>(image.width),
                                             static_cast<int>(image.height), kRgb, image.pixels.data(), quality);
  check(written != 0, "encode: an image of {} x {} pixels cannot be encoded", image.height, image.width);
  return bytes;
}

RgbImage thumbnail(const RgbImage& image, int64_t side) {
  check(side >= 1, "thumbnail: a side of {} pixels, expected at least 1", side);
  check(image.height >= 1 && image.width >= 1, "thumbnail: an image of {} x {} pixels, expected at least 1 x 1",
        image.height, image.width);
  const int64_t longer = std::max(image.height, image.width);
  if (longer <= side) return image;
  const auto scaled = [&](int64_t length) { return std::max<int64_t>(1, (length * side + longer / 2) / longer); };
  return resize(image, scaled(image.height), scaled(image.width));
}

}  // namespace cofactor
