#include "data/images/encode.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

#include "data/images/decode.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

// Colors that change slowly.
RgbImage slope(int64_t height, int64_t width) {
  RgbImage image{height, width, {}};
  for (int64_t row = 0; row < height; ++row)
    for (int64_t column = 0; column < width; ++column)
      for (const int64_t value : {255 * row / height, 255 * column / width, int64_t{128}})
        image.pixels.push_back(static_cast<uint8_t>(value));
  return image;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("encode: a JPEG decodes to nearly the same image") {
    for (const auto& [height, width] : {std::pair{40, 64}, std::pair{1, 1}, std::pair{7, 33}}) {
      const RgbImage image = slope(height, width);
      const RgbImage decoded = decode_image(encode_jpeg(image, 95), "encoded");
      REQUIRE(decoded.height == height);
      REQUIRE(decoded.width == width);
      int most = 0;
      for (size_t i = 0; i < image.pixels.size(); ++i)
        most = std::max(most, std::abs(image.pixels[i] - decoded.pixels[i]));
      CHECK(most <= 24);
    }
    CHECK(encode_jpeg(slope(64, 64), 30).size() < encode_jpeg(slope(64, 64), 95).size());
  }

  TEST_CASE("encode: sides and qualities out of range are refused") {
    CHECK(throws_saying("0 x 3 pixels", [] { encode_jpeg({0, 3, {}}); }));
    CHECK(throws_saying("65536", [] { encode_jpeg({1, 65536, std::vector<uint8_t>(65536 * 3)}); }));
    CHECK(throws_saying("5 bytes for 1 x 2 pixels", [] { encode_jpeg({1, 2, std::vector<uint8_t>(5)}); }));
    CHECK(throws_saying("the quality is 0", [] { encode_jpeg(slope(2, 2), 0); }));
  }

  TEST_CASE("thumbnail: the longer side is cut down and small images stay") {
    const auto sides = [](const RgbImage& image) { return std::pair(image.height, image.width); };
    CHECK(sides(thumbnail(slope(300, 100), 96)) == std::pair<int64_t, int64_t>(96, 32));
    CHECK(sides(thumbnail(slope(100, 300), 96)) == std::pair<int64_t, int64_t>(32, 96));
    CHECK(sides(thumbnail(slope(2, 1000), 96)) == std::pair<int64_t, int64_t>(1, 96));
    CHECK(thumbnail(slope(96, 5), 96).pixels == slope(96, 5).pixels);
    CHECK(throws_saying("a side of 0 pixels", [] { thumbnail(slope(2, 2), 0); }));
    CHECK(throws_saying("0 x 0 pixels", [] { thumbnail({}, 8); }));
  }
}
