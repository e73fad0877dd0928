#include "data/dataset.h"

#include <doctest/doctest.h>

#include <limits>

#include "tests/data/sets/idx_files.h"

namespace cofactor::testing {

TEST_SUITE("data") {
  TEST_CASE("an image is normalised channel by channel") {
    // Two images of 1 x 2 pixels in two channels.
    const ImageArray images({0, 255, 51, 102, 10, 20, 30, 40}, {1, 2, 2}, {1, 0}, 2, {0.0f, 0.5f}, {1.0f, 0.25f});
    CHECK(images.size() == 2);
    CHECK(images.sample_shape() == Shape{1, 2, 2});
    CHECK(images.classes() == 2);
    std::vector<float> out(4);
    images.read(0, {}, out.data());
    CHECK(out[0] == doctest::Approx(0.0));
    CHECK(out[1] == doctest::Approx((1.0 - 0.5) / 0.25));
    CHECK(out[2] == doctest::Approx(0.2));
    CHECK(out[3] == doctest::Approx((0.4 - 0.5) / 0.25));
    images.read(1, {}, out.data());
    CHECK(out[0] == doctest::Approx(10.0 / 255.0));
    CHECK(out[3] == doctest::Approx((40.0 / 255.0 - 0.5) / 0.25));
    CHECK(error_of([&] { images.read(2, {}, out.data()); }) == "images: sample 2 does not exist among 2");
    CHECK_THROWS_AS(images.read(-1, {}, out.data()), Error);
  }

  TEST_CASE("channels keep their normalisation over an image of many pixels") {
    // 37 x 11 pixels in 3 channels: no multiple of any block that the reader may work in.
    constexpr size_t kCount = 37 * 11 * 3;
    const std::vector<float> mean = {0.1f, 0.5f, 0.9f};
    const std::vector<float> std = {0.2f, 1.0f, 0.7f};
    std::vector<uint8_t> pixels(2 * kCount);
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i * 89 % 256);
    const ImageArray images(pixels, {37, 11, 3}, {0, 0}, 1, mean, std);
    std::vector<float> out(kCount + 1, -77.0f);
    images.read(1, {}, out.data());
    for (size_t i = 0; i < kCount; ++i)
      REQUIRE(out[i] == doctest::Approx((pixels[kCount + i] / 255.0 - mean[i % 3]) / std[i % 3]));
    CHECK(out[kCount] == -77.0f);
  }

  TEST_CASE("images or labels or normalisation that do not fit are errors") {
    const auto make = [](size_t bytes, const Shape& shape, std::vector<int32_t> labels, int64_t classes,
                         std::vector<float> mean, std::vector<float> std) {
      return error_of([&] { ImageArray(std::vector<uint8_t>(bytes), shape, labels, classes, mean, std); });
    };
    const Shape pixel{1, 1, 1};
    CHECK(make(2, pixel, {0, 1}, 2, {0}, {1}).empty());
    CHECK(make(3, pixel, {0, 1}, 2, {0}, {1}) == "images: 3 bytes are not 2 images (one a label) of shape (1, 1, 1)");
    CHECK(make(2, {1, 1}, {0, 1}, 2, {0}, {1}) == "images: (1, 1) is not the shape (H, W, C) of an image");
    CHECK(make(2, pixel, {0, 2}, 2, {0}, {1}) == "images: label 2 of sample 1 does not lie in [0, 2)");
    CHECK(make(2, pixel, {-1, 0}, 2, {0}, {1}) == "images: label -1 of sample 0 does not lie in [0, 2)");
    CHECK(make(2, pixel, {0, 0}, 0, {0}, {1}) == "images: 0 is not a number of classes");
    CHECK(make(2, pixel, {0, 0}, 1, {0, 0}, {1}) == "images: 2 means and 1 stds for 1 channels");
    CHECK(make(2, pixel, {0, 0}, 1, {0}, {0}) == "images: the std of channel 0 is 0, not a positive number");
    const float nan = std::numeric_limits<float>::quiet_NaN();
    CHECK(make(2, pixel, {0, 0}, 1, {0}, {nan}) == "images: the std of channel 0 is nan, not a positive number");
    CHECK(make(2, pixel, {0, 0}, 1, {nan}, {1}) == "images: the mean of channel 0 is nan");
  }

  TEST_CASE("a split is a run of samples with labels of its own") {
    const auto images =
        std::make_shared<ImageArray>(std::vector<uint8_t>(5), Shape{1, 1, 1}, std::vector<int32_t>{0, 2, 1, 2, 2}, 3,
                                     std::vector<float>{0}, std::vector<float>{1});
    Split split = make_split(images, 1, 3);
    CHECK(split.size() == 3);
    CHECK(split.indices == std::vector<int64_t>{1, 2, 3});
    CHECK(split.labels == std::vector<int32_t>{2, 1, 2});
    CHECK(split.class_counts() == std::vector<int64_t>{0, 1, 2});
    split.labels[0] = 0;
    CHECK(images->labels()[1] == 2);
    split.labels[0] = 3;
    CHECK(error_of([&] { split.class_counts(); }) == "split: label 3 does not lie in [0, 3)");

    CHECK(make_split(images, 5, 0).size() == 0);
    for (const auto& [first, count] : std::vector<std::pair<int64_t, int64_t>>{
             {3, 3}, {-1, 2}, {0, -1}, {6, 0}, {1, std::numeric_limits<int64_t>::max()}})
      CHECK(error_of([&] { make_split(images, first, count); }) ==
            fmt::format("split: {} samples from sample {} on do not exist in a data set of 5", count, first));
    CHECK_THROWS_AS(make_split(nullptr, 0, 0), Error);

    const Split ordered = make_split(images, {4, 3, 0, 2}, 1, 2);
    CHECK(ordered.indices == std::vector<int64_t>{3, 0});
    CHECK(ordered.labels == std::vector<int32_t>{2, 0});
    CHECK(error_of([&] {
            make_split(images, {4, 3}, 1, 2);
          }) == "split: 2 samples from place 1 on do not exist in an order of 2");
    CHECK(error_of([&] { make_split(images, {4, 5}, 0, 2); }) == "split: sample 5 does not exist in a data set of 5");
  }
}

}  // namespace cofactor::testing
