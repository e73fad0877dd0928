#include "data/image_file.h"

#include <stb_image.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <string>

#include "data/jpeg_tables.h"
#include "engine/error.h"
#include "engine/io/file.h"

namespace cofactor {

namespace {

constexpr int64_t kMostPixels = int64_t{1} << 27;  // of an image: a header of a few bytes could promise 65,535^2

// What stb_image reads, and whether it asked for more than there is: past the end it takes zeros for data, so that the
// rest of a BMP that is cut short would be black without a word.
class EncodedImage {
 public:
  explicit EncodedImage(std::string_view bytes) : bytes_(bytes) {}

  static int read(void* self, char* out, int size) {
    auto& image = *static_cast<EncodedImage*>(self);
    const size_t count = std::min(static_cast<size_t>(size), image.bytes_.size() - image.at_);
    if (count > 0) std::memcpy(out, image.bytes_.data() + image.at_, count);
    image.at_ += count;
    image.ran_out_ |= count == 0 && size > 0;  // fewer than asked for only end the last of its buffers
    return static_cast<int>(count);
  }
  static void skip(void* self, int count) {
    auto& image = *static_cast<EncodedImage*>(self);
    const size_t rest = image.bytes_.size() - image.at_;
    image.ran_out_ |= count > 0 && static_cast<size_t>(count) > rest;
    image.at_ += std::min(rest, static_cast<size_t>(std::max(count, 0)));
  }
  static int at_end(void* self) {
    const auto& image = *static_cast<const EncodedImage*>(self);
    return image.at_ == image.bytes_.size() ? 1 : 0;
  }
  bool ran_out() const { return ran_out_; }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
  bool ran_out_ = false;
};

// A header that cannot be read passes: decoding says what is wrong with it.
void check_size(std::string_view bytes, const std::filesystem::path& path) {
  check(bytes.size() <= static_cast<size_t>(std::numeric_limits<int>::max()), "image: '{}' has {} bytes, more than {}",
        path.string(), bytes.size(), std::numeric_limits<int>::max());
  int width = 0, height = 0, channels = 0;
  const auto* data = reinterpret_cast<const stbi_uc*>(bytes.data());
  if (stbi_info_from_memory(data, static_cast<int>(bytes.size()), &width, &height, &channels) != 1) return;
  check(int64_t{width} * height <= kMostPixels, "image: the header of '{}' promises {} x {} pixels, more than {}",
        path.string(), height, width, kMostPixels);
}

}  // namespace

RgbImage decode_image(std::string_view bytes, const std::filesystem::path& path) {
  check(!bytes.empty(), "image: '{}' is empty", path.string());
  check_jpeg_tables(bytes, path);
  check_size(bytes, path);
  EncodedImage encoded(bytes);
  const stbi_io_callbacks callbacks = {&EncodedImage::read, &EncodedImage::skip, &EncodedImage::at_end};
  int width = 0, height = 0, channels = 0;
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_callbacks(&callbacks, &encoded, &width, &height, &channels, kRgb), &stbi_image_free);
  check(!encoded.ran_out(), "image: '{}' is cut short: it ends at byte {}, before the image does", path.string(),
        bytes.size());
  check(pixels != nullptr, "image: '{}' cannot be decoded as JPEG, PNG or BMP: {}", path.string(),
        stbi_failure_reason());
  return {height, width, {pixels.get(), pixels.get() + int64_t{height} * width * kRgb}};
}

RgbImage read_image(const std::filesystem::path& path) {
  return decode_image(read_file(path), path);
}

}  // namespace cofactor
