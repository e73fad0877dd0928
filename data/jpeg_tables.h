// What stb_image does not check itself.
#pragma once

#include <filesystem>
#include <string_view>

namespace cofactor {

// stb_image 2.27, which Debian 12 has, writes past its tables where a JPEG declares a Huffman table of more than the
// 256 symbols that one can have. Throws Error, with `path` and the byte, for such a table; bytes that are no JPEG pass.
void check_jpeg_tables(std::string_view bytes, const std::filesystem::path& path);

}  // namespace cofactor
