#include "data/images/resize.h"

#include <doctest/doctest.h>

#include "data/images/augment.h"
#include "tests/data/image_fixtures.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

TEST_SUITE("data") {
  TEST_CASE("resized images have the bytes of Pillow's") {
    const ImageFixtures fixtures;
    const RgbImage source = fixtures.image("source");
    for (const auto& [height, width] :
         std::vector<std::pair<int, int>>{{5, 7}, {26, 34}, {13, 6}, {4, 17}, {1, 1}, {40, 3}, {12, 16}}) {
      CAPTURE(height);
      CAPTURE(width);
      const RgbImage image = resize(source, height, width);
      CHECK(image.height == height);
      CHECK(image.width == width);
      CHECK(image.pixels == fixtures.image(fmt::format("resize.{}x{}", height, width)).pixels);
    }
  }

  TEST_CASE("the shorter side is resized and the center cropped as in torchvision") {
    const ImageFixtures fixtures;
    const auto check_case = [&](const RgbImage& source, const std::string& name, int64_t side, int64_t size) {
      const auto [height, width] = shorter_side_to(side, source.height, source.width);
      const ImageRegion middle{center_of(height, size), center_of(width, size), size, size};
      CHECK(resize(source, height, width, middle).pixels == fixtures.image(name).pixels);
    };
    const RgbImage source = fixtures.image("source");
    check_case(source, "shorter.9_6", 9, 6);
    check_case(source, "shorter.20_20", 20, 20);
    check_case(source, "shorter.5_4", 5, 4);
    RgbImage tall{source.width, source.height, std::vector<uint8_t>(source.pixels.size())};
    for (int64_t h = 0; h < tall.height; ++h)
      for (int64_t w = 0; w < tall.width; ++w)
        for (int64_t c = 0; c < kRgb; ++c)
          tall.pixels[static_cast<size_t>((h * tall.width + w) * kRgb + c)] =
              source.pixels[static_cast<size_t>((w * source.width + h) * kRgb + c)];
    check_case(tall, "shorter_tall.9_6", 9, 6);

    CHECK(shorter_side_to(256, 375, 500) == std::pair<int64_t, int64_t>{256, 341});
    CHECK(shorter_side_to(256, 500, 375) == std::pair<int64_t, int64_t>{341, 256});
    CHECK(shorter_side_to(256, 256, 256) == std::pair<int64_t, int64_t>{256, 256});
  }

  TEST_CASE("a region is the same as in the whole resized image") {
    const RgbImage source = random_image(31, 23);
    for (const auto& [height, width] : std::vector<std::pair<int, int>>{{31, 23}, {17, 11}, {50, 40}, {9, 60}}) {
      const RgbImage whole = resize(source, height, width);
      for (const ImageRegion& region : std::vector<ImageRegion>{
               {0, 0, 1, 1}, {height - 1, width - 1, 1, 1}, {2, 3, height - 4, width - 5}, {0, 4, height, 3}})
        CHECK(resize(source, height, width, region).pixels == crop(whole, region).pixels);
    }
  }

  TEST_CASE("an image of one color keeps its color and an image of the same size keeps its bytes") {
    for (const uint8_t shade : std::vector<uint8_t>{0, 1, 77, 254, 255}) {
      const RgbImage plain{11, 7, std::vector<uint8_t>(11 * 7 * 3, shade)};
      for (const int side : {1, 3, 7, 29}) {
        const RgbImage image = resize(plain, side, side);
        CHECK(image.pixels == std::vector<uint8_t>(static_cast<size_t>(side * side * 3), shade));
      }
    }
    const RgbImage image = random_image(8, 9);
    CHECK(resize(image, 8, 9).pixels == image.pixels);
  }

  TEST_CASE("invalid sizes and regions are errors") {
    const RgbImage image = random_image(4, 5);
    CHECK(error_of([&] { resize(image, 0, 3); }) == "resize: from 4 x 5 to 0 x 3 pixels, expected at least 1 x 1");
    CHECK(error_of([] { resize({}, 2, 3); }) == "resize: from 0 x 0 to 2 x 3 pixels, expected at least 1 x 1");
    CHECK(error_of([&] {
            resize(image, 8, 8, {1, 2, 8, 3});
          }) == "resize: the region of 8 x 3 pixels at row 1, column 2 is not inside 8 x 8 pixels");
    for (const ImageRegion& region :
         std::vector<ImageRegion>{{-1, 0, 2, 2}, {0, -1, 2, 2}, {0, 0, 0, 2}, {0, 0, 2, 0}, {0, 7, 2, 2}})
      CHECK_THROWS_AS(resize(image, 8, 8, region), Error);
    CHECK_THROWS_AS(shorter_side_to(0, 4, 5), Error);
  }
}

}  // namespace cofactor::testing
