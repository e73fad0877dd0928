#include "data/sets/dogs_vs_cats.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <set>

#include "data/loader.h"
#include "tests/data/tiny_images.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

const ImageList& list_of(const Split& split) {
  return dynamic_cast<const ImageFileDataset&>(*split.data).list();
}

std::vector<int64_t> indices_of(const DogsVsCats& data) {
  std::vector<int64_t> all = data.train.indices;
  for (const Split* part : {&data.validation, &data.test})
    all.insert(all.end(), part->indices.begin(), part->indices.end());
  return all;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("dogs and cats are recognised by their names and ordered by their numbers") {
    const TemporaryFolder folder;
    write_tiny_dogs_vs_cats(folder.path(), 12);
    const DogsVsCats data = load_dogs_vs_cats(folder.path());
    const ImageList& list = list_of(data.train);
    CHECK(list.classes == std::vector<std::string>{"cat", "dog"});
    REQUIRE(list.size() == 24);
    CHECK(list.names[2] == "cat.2.jpg");
    CHECK(list.names[10] == "cat.10.jpg");
    CHECK(list.names[12] == "dog.0.jpg");
    CHECK(list.labels[11] == 0);
    CHECK(list.labels[12] == 1);
    // The folder with the images itself.
    CHECK(indices_of(load_dogs_vs_cats(folder / "train")) == indices_of(data));
  }

  TEST_CASE("dogs and cats are split into a half and two quarters by a seeded permutation") {
    struct Case {
      int each, train, quarter;
    };
    for (const Case& c : {Case{20, 20, 10}, Case{3, 4, 1}, Case{2, 2, 1}, Case{7, 8, 3}}) {
      const TemporaryFolder folder;
      write_tiny_dogs_vs_cats(folder.path(), c.each);
      const DogsVsCats data = load_dogs_vs_cats(folder.path(), {.split_seed = 5});
      CAPTURE(c.each);
      CHECK(data.train.size() == c.train);
      CHECK(data.validation.size() == c.quarter);
      CHECK(data.test.size() == c.quarter);
      CHECK(indices_of(data) == random_permutation({5, Purpose::split, 0, 0}, 2 * c.each));
      for (const Split* part : {&data.train, &data.validation, &data.test})
        for (size_t i = 0; i < part->indices.size(); ++i)
          REQUIRE(part->labels[i] == (part->indices[i] < c.each ? 0 : 1));
      CHECK(indices_of(load_dogs_vs_cats(folder.path(), {.split_seed = 6})) != indices_of(data));
    }
  }

  TEST_CASE("dogs and cats are transformed as in the paper or its code") {
    const auto [paper, paper_test] = dogs_vs_cats_transforms(DogsVsCatsInput::paper);
    CHECK(transformed_shape(paper) == Shape{32, 32, 3});
    CHECK(transformed_shape(paper_test) == Shape{32, 32, 3});
    CHECK(paper.pad == 4);
    CHECK(paper.random_crop);
    CHECK(paper.flip);
    CHECK(paper.max_rotation == 0);
    CHECK(paper_test.pad == 0);
    const auto [code, code_test] = dogs_vs_cats_transforms(DogsVsCatsInput::published_code);
    CHECK(transformed_shape(code) == Shape{150, 150, 3});
    CHECK(code.max_rotation == 45);
    CHECK(code.flip);
    CHECK(code_test.max_rotation == 0);
    CHECK(!code_test.flip);
    CHECK(transformed_shape(dogs_vs_cats_transforms(DogsVsCatsInput::published_code, 64).training) == Shape{64, 64, 3});
    CHECK_THROWS_AS(dogs_vs_cats_transforms(DogsVsCatsInput::paper, -1), Error);

    const TemporaryFolder folder;
    write_tiny_dogs_vs_cats(folder.path(), 4);
    const DogsVsCats data =
        load_dogs_vs_cats(folder.path(), {.transforms = dogs_vs_cats_transforms(DogsVsCatsInput::published_code, 16)});
    const auto read = [](const Split& split, int epoch) {
      std::vector<float> values(16 * 16 * 3);
      split.data->read(1, augmentation_key(0, epoch, 1), values.data());
      return values;
    };
    CHECK(read(data.train, 0) != read(data.train, 1));
    CHECK(read(data.validation, 0) == read(data.validation, 1));
    CHECK(data.validation.data == data.test.data);
  }

  TEST_CASE("broken dogs and cats are left out and the others keep their indices") {
    const TemporaryFolder folder;
    write_tiny_dogs_vs_cats(folder.path(), 20);
    const DogsVsCats whole = load_dogs_vs_cats(folder.path());
    write_file_atomically(folder / "train/cat.3.jpg", "");
    write_file_atomically(folder / "train/dog.7.jpg", "dog");
    CHECK(indices_of(load_dogs_vs_cats(folder.path())) == indices_of(whole));
    CHECK(load_dogs_vs_cats(folder.path()).broken.empty());
    const DogsVsCats data = load_dogs_vs_cats(folder.path(), {.skip_broken = true, .threads = 2});
    REQUIRE(data.broken.size() == 2);
    CHECK(data.broken[0].index == 3);
    CHECK(data.broken[0].reason == "image: '" + (folder / "train/cat.3.jpg").string() + "' is empty");
    CHECK(data.broken[1].index == 27);
    std::vector<int64_t> expected = indices_of(whole);
    std::erase_if(expected, [](int64_t index) { return index == 3 || index == 27; });
    CHECK(indices_of(data) == expected);
  }

  TEST_CASE("folders without dogs and cats are errors") {
    const TemporaryFolder folder;
    const std::string base = folder.path().string();
    const auto error = [&] { return error_of([&] { load_dogs_vs_cats(folder.path()); }); };
    CHECK(
        contains(error(), "dogs_vs_cats: '" + base + "' contains 0 images named cat.<number>.jpg or dog.<number>.jpg"));
    CHECK(
        contains(error_of([&] { load_dogs_vs_cats(folder / "none"); }), "cannot read the folder '" + base + "/none'"));
    write_image(folder / "cat.0.jpg", random_image(3, 3));
    CHECK(contains(error(), "contains 1 image named cat.<number>.jpg or dog.<number>.jpg, expected some of each"));
    write_image(folder / "dog.0.jpg", random_image(3, 3));
    CHECK(error() == "dogs_vs_cats: 2 images in '" + base + "' cannot be split into three parts");
    for (const std::string name : {"cat.jpg", "cow.1.jpg", "cat.x.jpg", "cat.1.2.jpg", "cat.-1.jpg", "1.jpg"})
      write_image(folder / name, random_image(3, 3));
    CHECK(error() == "dogs_vs_cats: 2 images in '" + base + "' cannot be split into three parts");
    write_image(folder / "more/cat.1.jpg", random_image(3, 3));
    write_image(folder / "more/dog.1", random_image(3, 3));
    write_image(folder / "more/dog.1.dat", random_image(3, 3));
    const DogsVsCats data = load_dogs_vs_cats(folder.path());
    CHECK(data.account.lines() ==
          std::vector<std::string>{"images: 4 used; ignored: 7 images not named cat.<number> or dog.<number> (such as "
                                   "1.jpg)"});
    auto transforms = dogs_vs_cats_transforms(DogsVsCatsInput::paper);
    transforms.evaluation.resize_h = 40;
    CHECK(error_of([&] { load_dogs_vs_cats(folder.path(), {.transforms = transforms}); }) ==
          "dogs_vs_cats: training images have shape (32, 32, 3), but those of validation and test (40, 32, 3)");
  }

  TEST_CASE("the real dogs and cats if COFACTOR_DOGS_VS_CATS names their folder") {
    const char* directory = std::getenv("COFACTOR_DOGS_VS_CATS");
    if (directory == nullptr) {
      MESSAGE("skipped: the environment variable COFACTOR_DOGS_VS_CATS names no folder");
      return;
    }
    const DogsVsCats data = load_dogs_vs_cats(directory, {.skip_broken = true, .threads = 2});
    CHECK(data.broken.empty());
    CHECK(data.train.size() == 12'500);
    CHECK(data.validation.size() == 6'250);
    CHECK(data.test.size() == 6'250);
    CHECK(std::abs(data.train.class_counts()[0] - 6'250) < 250);
    // At 32 x 32 pixels, images have lost some contrast.
    const auto [mean, deviation] = channel_statistics(*data.test.data, data.test.indices);
    for (size_t c = 0; c < 3; ++c) {
      CHECK(std::abs(mean[c]) < 0.03);
      CHECK(std::abs(deviation[c] - 0.96) < 0.04);
    }
  }
}

}  // namespace cofactor::testing
