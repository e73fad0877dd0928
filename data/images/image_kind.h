// Which kind of image a file holds, told by its first bytes: a name says what its writer thought of, or nothing.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace cofactor {

enum class ImageKind { jpeg, png, bmp, gif, webp, tiff, heif, avif, jpeg2000, psd, none };

inline constexpr size_t kImageKindBytes = 32;  // of a file's beginning, enough to tell its kind

// By the signature in the first bytes of a file; `none` for everything else. Bytes behind kImageKindBytes do not count.
ImageKind image_kind(std::string_view first_bytes);

// The same of a file, of which only these bytes are read. Throws Error, naming the file, where it cannot be read or is
// not a regular one.
ImageKind image_kind_of(const std::filesystem::path& file);

// "JPEG", "WebP" and so on; "no image" for `none`.
std::string_view name_of(ImageKind kind);

// Whether decode_image (data/images/decode.h) reads the kind: JPEG, PNG and BMP.
bool is_decoded(ImageKind kind);

}  // namespace cofactor
