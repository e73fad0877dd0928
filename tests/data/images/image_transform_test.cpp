#include "data/images/image_transform.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "data/image_array.h"
#include "data/images/augment.h"
#include "data/images/resize.h"
#include "data/loader.h"
#include "tests/data/image_fixtures.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

// A mean of 0 and this std leave bytes unchanged up to rounding.
constexpr std::array<float, 3> kAsBytes = {1.0f / 255, 1.0f / 255, 1.0f / 255};

// `transform` without normalisation.
ImageTransform in_bytes(ImageTransform transform) {
  transform.mean = {0, 0, 0};
  transform.std = kAsBytes;
  return transform;
}

std::vector<float> transformed(const ImageTransform& transform, const RgbImage& image, const RandomKey& draws = {}) {
  std::vector<float> values(static_cast<size_t>(transformed_shape(transform).numel()), -77.0f);
  transform_image(transform, image, draws, values.data());
  return values;
}

std::vector<float> floats(const RgbImage& image) {
  return to_floats(image).pixels;
}

void check_same(const std::vector<float>& values, const std::vector<float>& expected) {
  REQUIRE(values.size() == expected.size());
  for (size_t i = 0; i < values.size(); ++i) REQUIRE(values[i] == doctest::Approx(expected[i]).epsilon(1e-5));
}

RandomKey key_of(int epoch) {
  return augmentation_key(5, epoch, 3);
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("without random steps an image is resized and cropped in the center and normalised") {
    const ImageFixtures fixtures;
    const RgbImage source = fixtures.image("source");
    const ImageTransform plain{
        .resize_shorter = 9, .crop_h = 6, .crop_w = 6, .mean = {0.1f, 0.2f, 0.3f}, .std = {0.5f, 2.0f, 0.25f}};
    CHECK(transformed_shape(plain) == Shape{6, 6, 3});
    const std::vector<float> values = transformed(plain, source);
    const RgbImage expected = fixtures.image("shorter.9_6");
    for (size_t i = 0; i < values.size(); ++i)
      REQUIRE(values[i] == doctest::Approx((expected.pixels[i] / 255.0 - plain.mean[i % 3]) / plain.std[i % 3]));
    CHECK(transformed(plain, source, key_of(1)) == transformed(plain, source, key_of(2)));

    const ImageTransform both_sides = in_bytes({.resize_h = 5, .resize_w = 7});
    CHECK(transformed_shape(both_sides) == Shape{5, 7, 3});
    check_same(transformed(both_sides, source), floats(fixtures.image("resize.5x7")));
    const ImageTransform middle = in_bytes({.resize_h = 5, .resize_w = 7, .crop_h = 3, .crop_w = 4});
    check_same(transformed(middle, source), floats(crop(fixtures.image("resize.5x7"), {1, 2, 3, 4})));
    const ImageTransform padded = in_bytes({.resize_h = 5, .resize_w = 7, .pad = 2});
    CHECK(transformed_shape(padded) == Shape{9, 11, 3});
    check_same(transformed(padded, source), floats(crop(fixtures.image("resize.5x7"), {-2, -2, 9, 11})));
  }

  TEST_CASE("padding and a random crop and flip are those of ImageArray to the bit") {
    const RgbImage image = random_image(6, 5);
    const std::vector<float> mean = {0.25f, 0.5f, 0.75f}, std = {0.5f, 2.0f, 0.3f};
    const auto array = ImageArray(image.pixels, {6, 5, 3}, {0}, 1, mean, std)
                           .augmented({.pad = 4, .crop_h = 4, .crop_w = 7, .flip = true});
    const ImageTransform transform{.resize_h = 6,
                                   .resize_w = 5,
                                   .pad = 4,
                                   .crop_h = 4,
                                   .crop_w = 7,
                                   .random_crop = true,
                                   .flip = true,
                                   .mean = {mean[0], mean[1], mean[2]},
                                   .std = {std[0], std[1], std[2]}};
    for (int epoch = 0; epoch < 200; ++epoch) {
      std::vector<float> expected(4 * 7 * 3);
      array->read(0, key_of(epoch), expected.data());
      REQUIRE(transformed(transform, image, key_of(epoch)) == expected);
    }
  }

  TEST_CASE("a window entirely in the padding is black") {
    const ImageTransform transform =
        in_bytes({.resize_h = 1, .resize_w = 1, .pad = 3, .crop_h = 2, .crop_w = 2, .random_crop = true});
    const RgbImage white{1, 1, {255, 255, 255}};
    std::set<int> white_pixels;
    for (int epoch = 0; epoch < 100; ++epoch) {
      const std::vector<float> values = transformed(transform, white, key_of(epoch));
      white_pixels.insert(static_cast<int>(std::ranges::count_if(values, [](float v) { return v > 254; })));
    }
    CHECK(white_pixels == std::set<int>{0, 3});
  }

  TEST_CASE("random crops of images of different sizes reach every position") {
    const ImageTransform transform = in_bytes({.resize_shorter = 6, .crop_h = 5, .crop_w = 4, .random_crop = true});
    const RgbImage image = random_image(12, 16);
    const RgbImage whole = resize(image, 6, 8);
    std::set<std::pair<int64_t, int64_t>> places;
    for (int epoch = 0; epoch < 200; ++epoch) {
      const int64_t row = random_below(key_of(epoch), 0, 2), column = random_below(key_of(epoch), 1, 5);
      check_same(transformed(transform, image, key_of(epoch)), floats(crop(whole, {row, column, 5, 4})));
      places.emplace(row, column);
    }
    CHECK(places.size() == 10);
  }

  TEST_CASE("rotation brightness and saturation are drawn in their ranges and applied in order") {
    const RgbImage image = random_image(7, 8);
    const ImageTransform transform = in_bytes(
        {.resize_h = 7, .resize_w = 8, .flip = true, .max_rotation = 45, .brightness = 0.25, .saturation = 1.5});
    double smallest_angle = 0, largest_angle = 0;
    for (int epoch = 0; epoch < 100; ++epoch) {
      const RandomKey draws = key_of(epoch);
      const double angle = -45 + 90 * random_uniform(draws, 3);
      const double brightness = 0.75 + 0.5 * random_uniform(draws, 4);
      const double saturation = 2.5 * random_uniform(draws, 5);  // the range begins at 0, since 1 - 1.5 is negative
      const RgbImage flipped = random_below(draws, 2, 2) == 1 ? flip_horizontally(image) : image;
      const RgbFloatImage expected =
          adjust_saturation(adjust_brightness(rotate(to_floats(flipped), angle), brightness), saturation);
      const std::vector<float> values = transformed(transform, image, draws);
      REQUIRE(values.size() == expected.pixels.size());
      for (size_t i = 0; i < values.size(); ++i) REQUIRE(std::abs(values[i] - expected.pixels[i]) < 1e-3);
      smallest_angle = std::min(smallest_angle, angle);
      largest_angle = std::max(largest_angle, angle);
    }
    CHECK(smallest_angle < -40);
    CHECK(largest_angle > 40);
  }

  TEST_CASE("a step does not change the draws of the others") {
    const RgbImage image = random_image(9, 9);
    ImageTransform flips = in_bytes({.resize_h = 9, .resize_w = 9, .flip = true});
    for (int epoch = 0; epoch < 20; ++epoch) {
      const RgbImage expected = random_below(key_of(epoch), 2, 2) == 1 ? flip_horizontally(image) : image;
      check_same(transformed(flips, image, key_of(epoch)), floats(expected));
      ImageTransform dark = flips;
      dark.brightness = 1e-9;  // drawn, but without effect
      const std::vector<float> values = transformed(dark, image, key_of(epoch));
      for (size_t i = 0; i < values.size(); ++i) REQUIRE(std::abs(values[i] - expected.pixels[i]) < 1e-3);
    }
  }

  TEST_CASE("invalid transforms are errors") {
    const auto message = [](const ImageTransform& t) { return error_of([&] { transformed_shape(t); }); };
    CHECK(message({.resize_h = 3, .resize_w = 4}).empty());
    CHECK(message({}) == "transform: a shorter side of 0 and a size of 0 x 0 pixels, expected exactly one of the two");
    CHECK(contains(message({.resize_shorter = 2, .resize_h = 3, .resize_w = 3}), "expected exactly one of the two"));
    CHECK(contains(message({.resize_h = 3}), "expected exactly one of the two"));
    CHECK(message({.resize_shorter = 8}) ==
          "transform: images with a shorter side of 8 differ in size, so that a crop is required");
    CHECK(message({.resize_shorter = 8, .crop_h = 4}) == "transform: a crop to 4 x 0, expected both sides or neither");
    CHECK(message({.resize_shorter = 8, .crop_h = 9, .crop_w = 8}) ==
          "transform: a crop to 9 x 8 does not fit images of 8 x 8");
    CHECK(message({.resize_h = 8, .resize_w = 6, .pad = 1, .crop_h = 11, .crop_w = 8}) ==
          "transform: a crop to 11 x 8 does not fit images of 10 x 8 with their padding");
    CHECK(message({.resize_h = 8, .resize_w = 6, .pad = 1, .crop_h = 10, .crop_w = 8}).empty());
    CHECK(message({.resize_h = 3, .resize_w = 4, .pad = -1}) ==
          "transform: negative sizes: a shorter side of 0, 3 x 4 pixels, a pad of -1, a crop to 0 x 0");
    CHECK(message({.resize_h = 3, .resize_w = 4, .max_rotation = 181}) ==
          "transform: a rotation by up to 181 degrees, expected a number in [0, 180]");
    CHECK(message({.resize_h = 3, .resize_w = 4, .brightness = -0.1}) ==
          "transform: a brightness range of -0.1, expected a number of at least 0");
    CHECK(message({.resize_h = 3, .resize_w = 4, .saturation = std::numeric_limits<double>::infinity()}) ==
          "transform: a saturation range of inf, expected a number of at least 0");
    CHECK(message({.resize_h = 3, .resize_w = 4, .std = {1, 0, 1}}) ==
          "transform: the std of channel 1 is 0, not a positive number");
    CHECK(message({.resize_h = 3, .resize_w = 4, .mean = {1, 0, std::numeric_limits<float>::quiet_NaN()}}) ==
          "transform: the mean of channel 2 is nan");
    CHECK(error_of([] { transformed({.resize_h = 3, .resize_w = 4}, {}); }) ==
          "transform: an image of 0 x 0 pixels, expected at least 1 x 1");
  }
}

}  // namespace cofactor::testing
