// Random crops and flips of images: what is drawn, and what is read.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "data/dataset.h"
#include "data/loader.h"
#include "engine/ops/images.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

// Three images of 5 x 6 pixels in 2 channels, every byte another.
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

  TEST_CASE("windows take every place in the padded image and every second one is mirrored") {
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

  TEST_CASE("what is not asked for is not augmented") {
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
    // An augmentation takes the place of the one before it.
    CHECK(shifted->augmented({.crop_h = 2})->sample_shape() == Shape{2, 6, 2});
  }

  TEST_CASE("the host reads the bits that images_from_bytes computes") {
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

  TEST_CASE("augmentations and bytes that do not fit are errors") {
    const ImageArray images = small_images();
    const auto message = [&](const ImageAugmentation& a) { return error_of([&] { images.augmented(a); }); };
    CHECK(message({.pad = 1, .crop_h = 7, .crop_w = 8}).empty());
    CHECK(message({.pad = 1, .crop_h = 8}) == "images: a crop to 8 x 6 does not fit images of 5 x 6 padded by 1");
    CHECK(message({.crop_w = 7}) == "images: a crop to 5 x 7 does not fit images of 5 x 6 padded by 0");
    CHECK(message({.pad = -1}) == "images: a pad of -1 and a crop to 0 x 0 are no sizes");
    CHECK(message({.crop_h = -2}) == "images: a pad of 0 and a crop to -2 x 0 are no sizes");
    const auto augmented = images.augmented({.pad = 1});
    CHECK(error_of([&] { augmented->window(3, {}); }) == "images: sample 3 does not exist among 3");
    CHECK_THROWS_AS(values_of_sample(*augmented, -1, {}), Error);
    CHECK(error_of([] {
            ImageBytes({1, 2, 3}, {1, 2, 1}, {1}, {0});
          }) == "images: 3 bytes are no whole number of images of shape (1, 2, 1)");
    CHECK(error_of([] {
            ImageBytes({1, 2}, {1, 2, 1}, {1, 1}, {0});
          }) == "images: 2 scales and 1 shifts for 1 channels");
    CHECK(error_of([] {
            ImageBytes({1, 2}, {1, 2}, {1}, {0});
          }) == "images: (1, 2) is not the shape (H, W, C) of an image");
  }
}

}  // namespace cofactor::testing
