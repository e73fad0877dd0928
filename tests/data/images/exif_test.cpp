#include "data/images/exif.h"

#include <doctest/doctest.h>

#include "data/images/decode.h"
#include "tests/data/image_fixtures.h"
#include "tests/data/images/drawn_jpeg.h"

namespace cofactor::testing {

namespace {

using namespace std::string_literals;

std::string number(size_t value, size_t bytes, bool big) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) text += static_cast<char>(value >> 8 * (big ? bytes - 1 - i : i));
  return text;
}

// A TIFF block whose first directory has the name of a camera and an orientation.
std::string tiff_block(int orientation, bool big) {
  const auto n = [big](size_t value, size_t bytes) { return number(value, bytes, big); };
  return (big ? "MM"s : "II"s) + n(42, 2) + n(8, 4) + n(2, 2) +                                 // header, two entries
         n(0x010F, 2) + n(2, 2) + n(4, 4) + "cam\0"s +                                          // maker
         n(0x0112, 2) + n(3, 2) + n(1, 4) + n(static_cast<size_t>(orientation), 2) + "\0\0"s +  // orientation
         n(0, 4);                                                                               // no second directory
}

std::string jpeg_with_exif(const std::string& jpeg, const std::string& tiff) {
  return jpeg.substr(0, 2) + jpeg_segment(0xE1, "Exif\0\0"s + tiff) + jpeg.substr(2);
}

// One channel of an image of two rows.
std::string letters(const RgbImage& image) {
  std::string text;
  for (int64_t row = 0; row < image.height; ++row) {
    for (int64_t column = 0; column < image.width; ++column)
      text += static_cast<char>(image.pixels[static_cast<size_t>((row * image.width + column) * kRgb + 1)]);
    text += '\n';
  }
  return text;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("each of the eight orientations sets an image upright") {
    RgbImage image{2, 3, {}};
    for (const char letter : "abcdef"s) image.pixels.insert(image.pixels.end(), {0, static_cast<uint8_t>(letter), 1});
    const std::vector<std::string> expected = {"abc\ndef\n",   "cba\nfed\n",   "fed\ncba\n",   "def\nabc\n",
                                               "ad\nbe\ncf\n", "da\neb\nfc\n", "fc\neb\nda\n", "cf\nbe\nad\n"};
    for (int orientation = 1; orientation <= 8; ++orientation) {
      CAPTURE(orientation);
      CHECK(letters(upright(image, orientation)) == expected[static_cast<size_t>(orientation - 1)]);
    }
  }

  TEST_CASE("JPEGs and PNGs are turned according to their EXIF orientation") {
    const ImageFixtures fixtures;
    const std::string jpeg = fixtures.encoded("jpeg"), png = fixtures.encoded("png");
    const RgbImage from_jpeg = decode_image(jpeg, "a"), from_png = decode_image(png, "b");
    REQUIRE(from_jpeg.height != from_jpeg.width);
    for (const bool big : {false, true}) {
      for (int orientation = 1; orientation <= 8; ++orientation) {
        CAPTURE(orientation);
        const std::string tiff = tiff_block(orientation, big);
        const RgbImage turned = decode_image(jpeg_with_exif(jpeg, tiff), "c"),
                       expected = upright(from_jpeg, orientation);
        CHECK(turned.height == expected.height);
        CHECK(turned.pixels == expected.pixels);
        const std::string chunk = number(tiff.size(), 4, true) + "eXIf" + tiff + "\0\0\0\0"s;
        const size_t begin = 8 + 25;  // after signature and header
        CHECK(decode_image(png.substr(0, begin) + chunk + png.substr(begin), "d").pixels ==
              upright(from_png, orientation).pixels);
      }
    }
  }

  TEST_CASE("EXIF that is damaged or empty leaves an image unchanged") {
    const std::string whole = tiff_block(6, true);
    CHECK(exif_orientation(whole) == 6);
    for (size_t size = 0; size < whole.size() - 6; ++size) CHECK(exif_orientation(whole.substr(0, size)) == kUpright);
    CHECK(exif_orientation(tiff_block(0, false)) == kUpright);
    CHECK(exif_orientation(tiff_block(9, false)) == kUpright);
    CHECK(exif_orientation("MM\0*\xFF\xFF\xFF\xF0"s) == kUpright);
    CHECK(exif_orientation("II*\0\b\0\0\0\xFF\xFF"s) == kUpright);
    std::string type = whole;
    type[25] = '\x05';  // a fraction
    CHECK(exif_orientation(type) == kUpright);
    const ImageFixtures fixtures;
    const std::string jpeg = fixtures.encoded("jpeg");
    CHECK(decode_image(jpeg_with_exif(jpeg, whole.substr(0, 20)), "a").pixels == decode_image(jpeg, "a").pixels);
  }
}

}  // namespace cofactor::testing
