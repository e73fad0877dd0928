// Recognises the format of an image file by its first bytes. Its name may be wrong.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace cofactor {

enum class ImageKind { jpeg, png, bmp, gif, webp, tiff, heif, avif, jpeg2000, psd, none };

inline constexpr size_t kImageKindBytes = 32;  // of the beginning of a file, enough to recognise its kind

// The kind that the first bytes of a file indicate; `none` for everything else. Only the first kImageKindBytes count.
ImageKind image_kind(std::string_view first_bytes);

// The kind of a file, of which only these bytes are read. Throws Error, with the path, if it cannot be read or is not a
// regular file.
ImageKind image_kind_of(const std::filesystem::path& file);

// "JPEG", "WebP" and so on; "unknown" for `none`.
std::string_view name_of(ImageKind kind);

// Whether decode_image (decode.h) supports the kind: JPEG, PNG and BMP.
bool is_decoded(ImageKind kind);

}  // namespace cofactor
