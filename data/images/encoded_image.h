// The bytes of an encoded image, with bounds-checked reading and errors that name the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <utility>

#include "engine/error.h"

namespace cofactor {

inline constexpr int64_t kMaxPixels = int64_t{1} << 27;  // a header of a few bytes could declare 65,535^2

// A view: the bytes and the path must outlive it. Reading past the end throws Error: "... is cut short".
class EncodedImage {
 public:
  // `kind` is the name of the format in messages.
  EncodedImage(std::string_view bytes, const std::filesystem::path& path, std::string_view kind)
      : bytes_(bytes), path_(path), kind_(kind) {}

  std::string_view bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  std::string_view slice(size_t at, size_t count) const {
    if (at > size() || count > size() - at) fail_cut_short();
    return bytes_.substr(at, count);
  }
  // The number stored in `count` bytes, at most 4.
  uint32_t big_endian(size_t at, size_t count) const {
    uint32_t value = 0;
    for (const char byte : slice(at, count)) value = value << 8 | static_cast<uint8_t>(byte);
    return value;
  }
  uint32_t little_endian(size_t at, size_t count) const {
    uint32_t value = 0;
    const std::string_view number = slice(at, count);
    for (size_t i = count; i-- > 0;) value = value << 8 | static_cast<uint8_t>(number[i]);
    return value;
  }

  [[noreturn]] void fail_cut_short() const {
    fail("image: '{}' is cut short: the file ends at byte {}, before the image is complete", path_.string(), size());
  }
  template <class... Args>
  [[noreturn]] void fail_damaged(fmt::format_string<Args...> reason, Args&&... args) const {
    fail("image: '{}' is damaged: {}", path_.string(), fmt::format(reason, std::forward<Args>(args)...));
  }
  template <class... Args>
  [[noreturn]] void fail_unsupported(fmt::format_string<Args...> reason, Args&&... args) const {
    fail("image: '{}' is an unsupported {}: {}", path_.string(), kind_,
         fmt::format(reason, std::forward<Args>(args)...));
  }
  // Calls fail_damaged unless `intact` is true.
  template <class... Args>
  void require(bool intact, fmt::format_string<Args...> reason, Args&&... args) const {
    if (!intact) [[unlikely]]
      fail_damaged(reason, std::forward<Args>(args)...);
  }
  void require_size(int64_t height, int64_t width) const {
    require(height > 0 && width > 0, "its header declares {} x {} pixels", height, width);
    check(height <= kMaxPixels / width, "image: the header of '{}' declares {} x {} pixels, expected at most {}",
          path_.string(), height, width, kMaxPixels);
  }

 private:
  std::string_view bytes_;
  const std::filesystem::path& path_;
  std::string_view kind_;
};

}  // namespace cofactor
