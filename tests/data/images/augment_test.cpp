#include "data/images/augment.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/data/image_fixtures.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

void check_near(const std::vector<float>& values, const std::vector<float>& expected, double tolerance) {
  REQUIRE(values.size() == expected.size());
  for (size_t i = 0; i < values.size(); ++i) {
    CAPTURE(i);
    REQUIRE(std::abs(values[i] - expected[i]) <= tolerance);
  }
}

// One row of pixels, each of three equal bytes.
RgbImage gray_image(int64_t height, int64_t width, const std::vector<uint8_t>& shades) {
  RgbImage image{height, width, {}};
  for (const uint8_t shade : shades) image.pixels.insert(image.pixels.end(), kRgb, shade);
  return image;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("a crop shows its region and byte 0 outside the image") {
    const RgbImage image = gray_image(2, 3, {1, 2, 3, 4, 5, 6});
    CHECK(crop(image, {0, 0, 2, 3}).pixels == image.pixels);
    CHECK(crop(image, {1, 1, 1, 2}).pixels == gray_image(1, 2, {5, 6}).pixels);
    CHECK(crop(image, {-1, -1, 3, 3}).pixels == gray_image(3, 3, {0, 0, 0, 0, 1, 2, 0, 4, 5}).pixels);
    CHECK(crop(image, {1, 2, 2, 3}).pixels == gray_image(2, 3, {6, 0, 0, 0, 0, 0}).pixels);
    CHECK(crop(image, {-1, -1, 4, 5}).pixels ==
          gray_image(4, 5, {0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 4, 5, 6, 0, 0, 0, 0, 0, 0}).pixels);
    for (const ImageRegion& outside :
         std::vector<ImageRegion>{{5, 0, 1, 2}, {0, 9, 1, 2}, {-9, 0, 1, 2}, {0, -9, 1, 2}})
      CHECK(crop(image, outside).pixels == gray_image(1, 2, {0, 0}).pixels);
    CHECK(error_of([&] { crop(image, {0, 0, 0, 2}); }) == "crop: a region of 0 x 2 pixels, expected at least 1 x 1");
  }

  TEST_CASE("a centered window begins where torchvision's center crop does") {
    // int(round((extent - length) / 2)) in Python, which rounds halves to even.
    CHECK(center_of(256, 224) == 16);
    CHECK(center_of(341, 224) == 58);  // 58.5
    CHECK(center_of(343, 224) == 60);  // 59.5
    CHECK(center_of(225, 224) == 0);   // 0.5
    CHECK(center_of(227, 224) == 2);   // 1.5
    CHECK(center_of(7, 7) == 0);
    CHECK(error_of([] { center_of(6, 7); }) == "crop: a window of 7 pixels does not fit into 6");
  }

  TEST_CASE("a flip exchanges left and right and keeps the channels") {
    const RgbImage image{2, 3, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}};
    CHECK(flip_horizontally(image).pixels ==
          std::vector<uint8_t>{7, 8, 9, 4, 5, 6, 1, 2, 3, 16, 17, 18, 13, 14, 15, 10, 11, 12});
    const RgbImage even = random_image(3, 4);
    CHECK(flip_horizontally(even).pixels != even.pixels);
    CHECK(flip_horizontally(flip_horizontally(even)).pixels == even.pixels);
  }

  TEST_CASE("a quarter turn goes counter-clockwise") {
    const RgbFloatImage square = to_floats(gray_image(3, 3, {1, 2, 3, 4, 5, 6, 7, 8, 9}));
    const auto turned = [&](double degrees) { return rotate(square, degrees).pixels; };
    check_near(turned(0), square.pixels, 0);
    check_near(turned(90), to_floats(gray_image(3, 3, {3, 6, 9, 2, 5, 8, 1, 4, 7})).pixels, 1e-5);
    check_near(turned(-90), to_floats(gray_image(3, 3, {7, 4, 1, 8, 5, 2, 9, 6, 3})).pixels, 1e-5);
    check_near(turned(180), to_floats(gray_image(3, 3, {9, 8, 7, 6, 5, 4, 3, 2, 1})).pixels, 1e-5);
    // At 45 degrees the corner of the result is sqrt(2) above the center: 0.41 beyond the row at the edge, which is
    // blended with the 0 outside.
    const double share = 2 - std::sqrt(2.0);
    CHECK(turned(45)[0] == doctest::Approx(share * 2).epsilon(1e-5));
  }

  TEST_CASE("rotation brightness and saturation are those of torchvision") {
    const ImageFixtures fixtures;
    const RgbFloatImage image = to_floats(fixtures.image("small"));
    for (const int angle : {30, -45, 90, 7}) {
      CAPTURE(angle);
      check_near(rotate(image, angle).pixels, fixtures.values(fmt::format("rotate.{}", angle)), 1e-3);
    }
    for (const auto& [name, factor] : {std::pair{"0", 0.0}, {"0.6", 0.6}, {"1.7", 1.7}}) {
      CAPTURE(name);
      check_near(adjust_brightness(image, factor).pixels, fixtures.values(std::string("brightness.") + name), 1e-3);
      check_near(adjust_saturation(image, factor).pixels, fixtures.values(std::string("saturation.") + name), 1e-3);
    }
  }

  TEST_CASE("brightness and saturation of a pixel by hand") {
    const RgbFloatImage pixel{1, 1, {200, 100, 10}};
    CHECK(adjust_brightness(pixel, 1).pixels == pixel.pixels);
    check_near(adjust_brightness(pixel, 1.5).pixels, {255, 150, 15}, 1e-4);  // 300 is clamped to 255
    // gray: 0.2989 * 200 + 0.587 * 100 + 0.114 * 10 = 119.62
    check_near(adjust_saturation(pixel, 0).pixels, {119.62f, 119.62f, 119.62f}, 1e-3);
    check_near(adjust_saturation(pixel, 0.5).pixels, {159.81f, 109.81f, 64.81f}, 1e-3);
    check_near(adjust_saturation(pixel, 2).pixels, {255, 80.38f, 0}, 1e-3);  // 280.38 and -99.62 are clamped
    check_near(adjust_saturation(pixel, 1).pixels, pixel.pixels, 1e-4);
    CHECK(error_of([&] { adjust_brightness(pixel, -0.5); }) ==
          "augment: a brightness factor of -0.5, expected at least 0");
    CHECK(error_of([&] { adjust_saturation(pixel, -1); }) == "augment: a saturation factor of -1, expected at least 0");
  }
}

}  // namespace cofactor::testing
