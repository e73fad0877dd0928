#include "data/image_array.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "data/loader.h"
#include "engine/ops/images.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

// Three images of 5 x 6 pixels in 2 channels, all bytes different.
ImageArray small_images() {
  std::vector<uint8_t> pixels(3 * 5 * 6 * 2);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i + 1);
  return {pixels, {5, 6, 2}, {0, 1, 0}, 2, {0.25f, 0.5f}, {0.5f, 2.0f}};
}

std::vector<float> values_of_sample(const Dataset& data, int64_t index, const RandomKey& key) {
  std::vector<float> values(static_cast<size_t>(data.sample_shape().numel()));
  data.read(index, key, values.data());
  return values;
}

}  // namespace

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
    CHECK(error_of([&] { images.read(2, {}, out.data()); }) == "images: sample 2 of a data set of 2");
    CHECK_THROWS_AS(images.read(-1, {}, out.data()), Error);
  }

  TEST_CASE("channels keep their normalisation over an image of many pixels") {
    // 37 x 11 pixels in 3 channels: not a multiple of any block size.
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

  TEST_CASE("invalid images or labels or normalisation are errors") {
    const auto make = [](size_t bytes, const Shape& shape, std::vector<int32_t> labels, int64_t classes,
                         std::vector<float> mean, std::vector<float> std) {
      return error_of([&] { ImageArray(std::vector<uint8_t>(bytes), shape, labels, classes, mean, std); });
    };
    const Shape pixel{1, 1, 1};
    CHECK(make(2, pixel, {0, 1}, 2, {0}, {1}).empty());
    CHECK(make(3, pixel, {0, 1}, 2, {0}, {1}) ==
          "images: 3 bytes, expected 2 images (one per label) of shape (1, 1, 1)");
    CHECK(make(2, {1, 1}, {0, 1}, 2, {0}, {1}) == "images: an image has shape (1, 1), expected (H, W, C)");
    CHECK(make(2, pixel, {0, 2}, 2, {0}, {1}) == "images: label 2 of sample 1 does not lie in [0, 2)");
    CHECK(make(2, pixel, {-1, 0}, 2, {0}, {1}) == "images: label -1 of sample 0 does not lie in [0, 2)");
    CHECK(make(2, pixel, {0, 0}, 0, {0}, {1}) == "images: 0 classes, expected at least 1");
    CHECK(make(2, pixel, {0, 0}, 1, {0, 0}, {1}) == "images: 2 means and 1 stds for 1 channels");
    CHECK(make(2, pixel, {0, 0}, 1, {0}, {0}) == "images: the std of channel 0 is 0, not a positive number");
    const float nan = std::numeric_limits<float>::quiet_NaN();
    CHECK(make(2, pixel, {0, 0}, 1, {0}, {nan}) == "images: the std of channel 0 is nan, not a positive number");
    CHECK(make(2, pixel, {0, 0}, 1, {nan}, {1}) == "images: the mean of channel 0 is nan");
  }

  TEST_CASE("an augmented image is padded with byte 0 then normalised cropped and mirrored") {
    const ImageArray images = small_images();
    const ImageAugmentation augmentation{.pad = 2, .crop_h = 4, .crop_w = 7, .flip = true};
    const auto augmented = images.augmented(augmentation);
    CHECK(augmented->sample_shape() == Shape{4, 7, 2});
    CHECK(augmented->size() == 3);
    CHECK(augmented->labels() == images.labels());
    const float mean[] = {0.25f, 0.5f}, std[] = {0.5f, 2.0f};
    for (int epoch = 0; epoch < 20; ++epoch)
      for (int64_t index = 0; index < 3; ++index) {
        const RandomKey key = augmentation_key(7, epoch, index);
        const ImageWindow window = augmented->window(index, key);
        const std::vector<float> values = values_of_sample(*augmented, index, key);
        for (int64_t h = 0; h < 4; ++h)
          for (int64_t w = 0; w < 7; ++w)
            for (int64_t c = 0; c < 2; ++c) {
              const int64_t row = window.row + h, column = window.column + (window.mirrored ? 6 - w : w);
              const bool inside = row >= 0 && row < 5 && column >= 0 && column < 6;
              const double byte = inside ? static_cast<double>(index * 60 + (row * 6 + column) * 2 + c + 1) : 0.0;
              REQUIRE(values[static_cast<size_t>((h * 7 + w) * 2 + c)] ==
                      doctest::Approx((byte / 255.0 - mean[c]) / std[c]));
            }
      }
  }

  TEST_CASE("windows reach every position in the padded image and half of them are mirrored") {
    const auto augmented = small_images().augmented({.pad = 2, .crop_h = 4, .crop_w = 7, .flip = true});
    std::set<int32_t> rows, columns;
    int mirrored = 0;
    constexpr int kDraws = 2000;
    for (int epoch = 0; epoch < kDraws; ++epoch) {
      const RandomKey key = augmentation_key(1, epoch, 2);
      const ImageWindow window = augmented->window(2, key);
      CHECK(window.image == 2);
      CHECK(window.row == random_below(key, 0, 5 + 4 - 4 + 1) - 2);
      CHECK(window.column == random_below(key, 1, 6 + 4 - 7 + 1) - 2);
      CHECK(window.mirrored == random_below(key, 2, 2));
      rows.insert(window.row);
      columns.insert(window.column);
      mirrored += window.mirrored;
    }
    CHECK(rows == std::set<int32_t>{-2, -1, 0, 1, 2, 3});
    CHECK(columns == std::set<int32_t>{-2, -1, 0, 1});
    CHECK(std::abs(mirrored - kDraws / 2) < 112);  // five standard errors
  }

  TEST_CASE("without options nothing is augmented") {
    const ImageArray images = small_images();
    const auto same = images.augmented({}), flipped = images.augmented({.flip = true});
    const auto shifted = images.augmented({.pad = 1});
    CHECK(same->sample_shape() == Shape{5, 6, 2});
    CHECK(shifted->sample_shape() == Shape{5, 6, 2});
    bool moved = false, mirrored = false;
    for (int epoch = 0; epoch < 40; ++epoch) {
      const RandomKey key = augmentation_key(3, epoch, 1);
      CHECK(values_of_sample(*same, 1, key) == values_of_sample(images, 1, key));
      const ImageWindow flip = flipped->window(1, key), shift = shifted->window(1, key);
      CHECK(flip.row == 0);
      CHECK(flip.column == 0);
      CHECK(shift.mirrored == 0);
      moved |= shift.row != 0 && shift.column != 0;
      mirrored |= flip.mirrored != 0;
    }
    CHECK(moved);
    CHECK(mirrored);
    // An augmentation replaces the previous one.
    CHECK(shifted->augmented({.crop_h = 2})->sample_shape() == Shape{2, 6, 2});
  }

  TEST_CASE("the host and images_from_bytes give the same bits") {
    const ImageArray images = small_images();
    for (const Device device : available_devices()) {
      const auto [pixels, scale, shift] = images.bytes().on(device);
      for (const ImageWindow& w : std::vector<ImageWindow>{
               {0, 0, 0, 0}, {1, 0, 0, 1}, {2, -3, 2, 0}, {2, 4, -4, 1}, {1, -9, 0, 0}, {1, 0, 11, 1}, {0, 5, 0, 0}})
        for (const auto& [height, width] : {std::pair{5, 6}, {1, 1}, {9, 3}, {2, 13}}) {
          std::vector<float> read(static_cast<size_t>(height * width * 2), -77.0f);
          images.bytes().read(w, height, width, read.data());
          const Tensor windows = Tensor::from<int32_t>({w.image, w.row, w.column, w.mirrored}, {1, 4}, device);
          CHECK(read == images_from_bytes(pixels, windows, scale, shift, height, width).to_vector<float>());
        }
    }
  }

  TEST_CASE("invalid augmentations and sizes are errors") {
    const ImageArray images = small_images();
    const auto message = [&](const ImageAugmentation& a) { return error_of([&] { images.augmented(a); }); };
    CHECK(message({.pad = 1, .crop_h = 7, .crop_w = 8}).empty());
    CHECK(message({.pad = 1, .crop_h = 8}) == "images: a crop to 8 x 6 does not fit images of 5 x 6 padded by 1");
    CHECK(message({.crop_w = 7}) == "images: a crop to 5 x 7 does not fit images of 5 x 6 padded by 0");
    CHECK(message({.pad = -1}) == "images: a pad of -1 and a crop to 0 x 0, expected sizes of at least 0");
    CHECK(message({.crop_h = -2}) == "images: a pad of 0 and a crop to -2 x 0, expected sizes of at least 0");
    const auto augmented = images.augmented({.pad = 1});
    CHECK(error_of([&] { augmented->window(3, {}); }) == "images: sample 3 of a data set of 3");
    CHECK_THROWS_AS(values_of_sample(*augmented, -1, {}), Error);
    CHECK(error_of([] {
            ImageBytes({1, 2, 3}, {1, 2, 1}, {1}, {0});
          }) == "images: 3 bytes are not a whole number of images of shape (1, 2, 1)");
    CHECK(error_of([] {
            ImageBytes({1, 2}, {1, 2, 1}, {1, 1}, {0});
          }) == "images: 2 scales and 1 shifts for 1 channels");
    CHECK(error_of([] {
            ImageBytes({1, 2}, {1, 2}, {1}, {0});
          }) == "images: an image has shape (1, 2), expected (H, W, C)");
  }
}

}  // namespace cofactor::testing
