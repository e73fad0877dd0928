#include "data/image_folder.h"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "tests/data/image_fixtures.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

const ImageTransform kPlain{.resize_h = 4, .resize_w = 4};
const ImageTransform kFlipped{.resize_h = 4, .resize_w = 4, .flip = true};

void write_class(const std::filesystem::path& folder, int count) {
  for (int i = 0; i < count; ++i)
    write_image(folder / fmt::format("{}.bmp", i), random_image(5, 6, static_cast<uint64_t>(i)));
}

ImageFolder load(const std::filesystem::path& directory, ImageFolderOptions options = {}) {
  options.training = kFlipped;
  options.evaluation = kPlain;
  return load_image_folder(directory, options);
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("an image folder is dealt class by class: a fifth validates and a tenth tests") {
    const TemporaryFolder folder;
    write_class(folder / "ants", 40);
    write_class(folder / "bees", 10);
    write_class(folder / "cows", 3);
    CHECK(image_folder_classes(folder.path()) == std::vector<std::string>{"ants", "bees", "cows"});
    const ImageFolder data = load(folder.path());
    CHECK(!data.clean_test);
    CHECK(data.validation.class_counts() == std::vector<int64_t>{8, 2, 1});
    CHECK(data.test.class_counts() == std::vector<int64_t>{4, 1, 1});
    CHECK(data.train.class_counts() == std::vector<int64_t>{28, 7, 1});
    std::set<int64_t> all;
    for (const Split* part : {&data.train, &data.validation, &data.test}) {
      all.insert(part->indices.begin(), part->indices.end());
      for (size_t i = 0; i < part->indices.size(); ++i)
        CHECK(part->labels[i] == data.images->labels()[static_cast<size_t>(part->indices[i])]);
    }
    CHECK(all.size() == 53);

    CHECK(load(folder.path()).train.indices == data.train.indices);
    CHECK(load(folder.path(), {.split_seed = 1}).train.indices != data.train.indices);
    // Training alone is augmented.
    std::vector<float> one(48), other(48);
    std::set<std::vector<float>> trained, tested;
    for (int epoch = 1; epoch <= 8; ++epoch) {
      data.train.data->read(0, {.seed = 1, .step = static_cast<uint64_t>(epoch)}, one.data());
      data.test.data->read(0, {.seed = 1, .step = static_cast<uint64_t>(epoch)}, other.data());
      trained.insert(one);
      tested.insert(other);
    }
    CHECK(trained.size() == 2);
    CHECK(tested.size() == 1);
  }

  TEST_CASE("an image folder's test folder is the whole test and nothing is taken from the images") {
    const TemporaryFolder folder;
    for (const char* name : {"train/a", "train/b", "test/a", "test/b", "elsewhere/a", "elsewhere/b"})
      write_class(folder / name, name[0] == 'e' ? 3 : 10);
    const ImageFolder beside = load(folder.path());
    CHECK(beside.clean_test);
    CHECK(beside.images->list().root == folder / "train");
    CHECK(beside.train.size() == 16);
    CHECK(beside.validation.size() == 4);
    CHECK(beside.test.size() == 20);
    CHECK(load(folder.path(), {.test = folder / "elsewhere"}).test.size() == 6);
    CHECK(load(folder / "train").clean_test == false);
  }

  TEST_CASE("an image folder that cannot be dealt is an Error that says why") {
    const TemporaryFolder folder;
    const auto says = [&](const std::string& part, const ImageFolderOptions& options = {}) {
      return throws_saying(part, [&] { load(folder.path(), options); });
    };
    write_class(folder / "a", 2);
    CHECK(says("holds one class, a"));
    CHECK(throws_saying("holds 1 folders", [&] { image_folder_classes(folder.path()); }));
    write_class(folder / "b", 9);
    CHECK(says("class 'a' in '" + folder.path().string() + "' has 2 images"));
    write_class(folder / "a", 9);
    const TemporaryFolder other;
    write_class(other / "a", 1);
    write_class(other / "c", 1);
    CHECK(says("classes in '" + other.path().string() + "' are a, c", {.test = other.path()}));
  }

  TEST_CASE("an image folder's broken images are left out where that is asked for") {
    const TemporaryFolder folder;
    write_class(folder / "a", 10);
    write_class(folder / "b", 10);
    write_file_atomically(folder / "a/3.bmp", "no image");
    const ImageFolder all = load(folder.path()), intact = load(folder.path(), {.skip_broken = true, .threads = 2});
    CHECK(all.broken.empty());
    REQUIRE(intact.broken.size() == 1);
    CHECK(contains(intact.broken[0].reason, "a/3.bmp"));
    const auto total = [](const ImageFolder& data) {
      return data.train.size() + data.validation.size() + data.test.size();
    };
    CHECK(total(all) == 20);
    CHECK(total(intact) == 19);
  }
}

}  // namespace cofactor::testing
