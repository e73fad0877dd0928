#include "data/sets/clothing1m.h"

#include <doctest/doctest.h>

#include "data/loader.h"
#include "tests/data/tiny_images.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

TEST_SUITE("data") {
  TEST_CASE("Clothing1M's parts are its annotation files") {
    const TemporaryFolder folder;
    write_tiny_clothing1m(folder.path());
    const Clothing1m data = load_clothing1m(folder.path());
    CHECK(data.train.size() == 56);
    CHECK(data.validation.size() == 28);
    CHECK(data.test.size() == 28);
    for (const Split* part : {&data.train, &data.validation, &data.test}) {
      CHECK(part->data->classes() == 14);
      CHECK(part->data->sample_shape() == Shape{224, 224, 3});
      CHECK(part->labels == part->data->labels());
    }
    for (size_t i = 0; i < 28; ++i) {
      CHECK(data.test.labels[i] == static_cast<int32_t>(i % 14));
      CHECK(data.train.labels[i] == static_cast<int32_t>((i + (i % 4 == 3 ? 1 : 0)) % 14));
    }
    CHECK(kClothing1mClasses[0] == "T-shirt");
    CHECK(kClothing1mClasses[13] == "underwear");

    // The annotated file of validation's third line.
    const RgbImage image = tiny_class_image(40, 2, 58);
    std::vector<float> values(224 * 224 * 3), expected(values.size());
    data.validation.data->read(2, augmentation_key(1, 1, 2), values.data());
    transform_image({.resize_shorter = 256, .crop_h = 224, .crop_w = 224}, image, {}, expected.data());
    CHECK(values == expected);
  }

  TEST_CASE("Clothing1M's training images are augmented") {
    const ImageTransform training = clothing1m_training_transform();
    CHECK(training.resize_shorter == 256);
    CHECK(training.crop_h == 224);
    CHECK(training.random_crop);
    CHECK(training.flip);
    CHECK(training.brightness > 0);
    CHECK(training.saturation > 0);
    CHECK(training.max_rotation == 0);
    CHECK(training.mean == kImageNetMean);
    const ImageTransform evaluation = clothing1m_evaluation_transform();
    CHECK(!evaluation.random_crop);
    CHECK(!evaluation.flip);
    CHECK(evaluation.brightness == 0);
  }

  TEST_CASE("Clothing1M's broken images are left out of their part") {
    const TemporaryFolder folder;
    write_tiny_clothing1m(folder.path(), {.train = 10, .validation = 4, .test = 3, .side = 9});
    Clothing1mOptions options{.skip_broken = true};
    options.training = options.evaluation = {.resize_h = 8, .resize_w = 8};
    CHECK(load_clothing1m(folder.path(), options).train.size() == 10);
    const ImageList list = dynamic_cast<const ImageFileDataset&>(*load_clothing1m(folder.path()).train.data).list();
    std::filesystem::remove(list.path(4));
    write_file_atomically(folder / "images/unlisted.jpg", "x");
    const Clothing1m data = load_clothing1m(folder.path(), options);
    CHECK(data.account.lines() == std::vector<std::string>{"images: 16 used; ignored: 1 file in none of the lists "
                                                           "(images/unlisted.jpg)"});
    CHECK(data.train.indices == std::vector<int64_t>{0, 1, 2, 3, 5, 6, 7, 8, 9});
    REQUIRE(data.broken_train.size() == 1);
    CHECK(data.broken_train[0].index == 4);
    CHECK(contains(data.broken_train[0].reason, list.path(4).string()));
    CHECK(data.broken_validation.empty());
    CHECK(data.validation.size() == 4);
    options.skip_broken = false;
    CHECK(load_clothing1m(folder.path(), options).train.size() == 10);
  }

  TEST_CASE("Clothing1M annotations that are missing or malformed are errors") {
    const TemporaryFolder folder;
    const std::string base = folder.path().string();
    const auto error = [&] { return error_of([&] { load_clothing1m(folder.path()); }); };
    CHECK(error() == "clothing1m: '" + base +
                         "/annotations/noisy_train.txt' does not exist; its lines are paths of images relative to '" +
                         base +
                         "', and their labels (\"images/3/45/NAME.jpg 7\"). Clothing1M is available on request: "
                         "https://github.com/Cysu/noisy_label");
    write_tiny_clothing1m(folder.path(), {.train = 2, .validation = 1, .test = 1, .side = 4});
    CHECK(error().empty());
    write_file_atomically(folder / "annotations/clean_val.txt", "images/0/0/a.jpg 13\nimages/0/0/b.jpg 14\n");
    CHECK(error() == "images: '" + base + "/annotations/clean_val.txt', line 2: label 14 does not lie in [0, 14)");
    std::filesystem::remove(folder / "annotations/clean_test.txt");
    write_file_atomically(folder / "annotations/clean_val.txt", "images/0/0/a.jpg 13\n");
    CHECK(contains(error(), base + "/annotations/clean_test.txt' does not exist"));
    Clothing1mOptions options;
    options.training.crop_h = 200;
    CHECK(error_of([&] { load_clothing1m(folder.path(), options); }) ==
          "clothing1m: training images have shape (200, 224, 3), but those of validation and test (224, 224, 3)");
  }
}

}  // namespace cofactor::testing
