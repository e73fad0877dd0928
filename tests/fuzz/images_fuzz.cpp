// Images: if decode_image accepts an image, all of its pixels come from the bytes.
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "data/images/decode.h"
#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

// Corrects the checksums of the chunks of a PNG: a fuzzer would not find them.
std::string with_checksums(std::string_view bytes) {
  std::string png(bytes);
  const auto length_at = [&png](size_t at) {
    size_t length = 0;
    for (size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<uint8_t>(png[at + i]);
    return length;
  };
  for (size_t at = 8; at + 12 <= png.size() && length_at(at) <= png.size() - at - 12; at += 12 + length_at(at)) {
    const size_t length = length_at(at), end = at + 8 + length;
    const auto sum = crc32_z(0, reinterpret_cast<const Bytef*>(png.data() + at + 4), 4 + length);
    for (size_t i = 0; i < 4; ++i) png[end + i] = static_cast<char>(sum >> (24 - 8 * i));
  }
  return png;
}

void decode(std::string_view bytes) {
  // Never destroyed: libstdc++ constructs it where MemorySanitizer does not see it.
  static const auto& name = *new std::filesystem::path("fuzzed");
  const RgbImage image = decode_image(bytes, name);
  if (image.pixels.size() != static_cast<size_t>(image.height * image.width * kRgb)) std::abort();
  // MemorySanitizer checks bytes that are written out.
  static const int sink = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (::write(sink, image.pixels.data(), image.pixels.size()) < 0) std::abort();
}

}  // namespace

}  // namespace cofactor::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cofactor::testing;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  return parse_or_error([&] { decode(bytes.starts_with("\x89PNG") ? with_checksums(bytes) : std::string(bytes)); });
}
