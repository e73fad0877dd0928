#include "data/sets/image_folder.h"

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
  TEST_CASE("an image folder is split by class: a fifth is for validation and a tenth for test") {
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
    // Only training images are augmented.
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

  TEST_CASE("an image folder's test folder is the whole test set and no other images are used for test") {
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

  TEST_CASE("an image folder that cannot be split is an error that says why") {
    const TemporaryFolder folder;
    const auto says = [&](const std::string& part, const ImageFolderOptions& options = {}) {
      return throws_saying(part, [&] { load(folder.path(), options); });
    };
    write_class(folder / "a", 2);
    CHECK(says("contains 1 folder (a), expected one for each of two or more classes"));
    CHECK(throws_saying("contains 1 folder (a)", [&] { image_folder_classes(folder.path()); }));
    write_class(folder / "b", 9);
    CHECK(says("class 'a' in '" + folder.path().string() + "' has 2 images"));
    write_class(folder / "a", 9);
    const TemporaryFolder other;
    write_class(other / "a", 1);
    write_class(other / "c", 1);
    CHECK(says("classes of the test images in '" + other.path().string() + "' are a, c", {.test = other.path()}));
  }

  TEST_CASE("an image folder's validation folder is the whole validation set and all other images are for training") {
    const TemporaryFolder folder;
    for (const char* name : {"train/a", "train/b", "val/a", "val/b", "test/a", "test/b"})
      write_class(folder / name, name[1] == 'r' ? 10 : 3);
    const ImageFolder data = load(folder.path());
    CHECK(data.train.size() == 20);
    CHECK(data.validation.size() == 6);
    CHECK(data.test.size() == 6);
    CHECK(data.validation_images->list().names[0] == "val/a/0.bmp");
    CHECK(data.images->list().names[0] == "a/0.bmp");
    CHECK(data.account.used() == 32);
    CHECK(contains(data.account.lines().at(1), "val/ is used for validation, in place of a fifth of the other images"));
    // Without a test folder a tenth of the other images is for test.
    std::filesystem::remove_all(folder / "test");
    const ImageFolder without = load(folder.path());
    CHECK(without.train.size() == 18);
    CHECK(without.validation.size() == 6);
    CHECK(without.test.size() == 2);
    CHECK(!without.clean_test);
  }

  TEST_CASE("an image folder is split according to a split file") {
    const TemporaryFolder folder;
    for (const char* name : {"train/a", "train/b", "test/a", "test/b"}) write_class(folder / name, 4);
    std::string table = "file,index\n";
    // In reverse order, and without one image of a.
    for (int i = 0; i < 7; ++i)
      table += fmt::format("./train/{}/{}.bmp,{}\n", i % 2 == 0 ? 'b' : 'a', i / 2, i < 5 ? 6 - i : 40'000 + i);
    write_file_atomically(folder / "split.csv", table);
    const ImageFolder data = load(folder.path(), {.split = folder / "split.csv"});
    const std::vector<std::string>& names = data.images->list().names;
    const auto files = [&](const Split& split) {
      std::vector<std::string> found;
      for (const int64_t i : split.indices) found.push_back(names[static_cast<size_t>(i)]);
      return found;
    };
    CHECK(files(data.train) == std::vector<std::string>{"train/b/2.bmp", "train/a/1.bmp", "train/b/1.bmp",
                                                        "train/a/0.bmp", "train/b/0.bmp"});
    CHECK(files(data.validation) == std::vector<std::string>{"train/a/2.bmp", "train/b/3.bmp"});
    CHECK(data.test.size() == 8);
    CHECK(data.clean_test);
    CHECK(data.train.labels == std::vector<int32_t>{1, 0, 1, 0, 1});
    CHECK(contains(data.account.lines().at(0), "1 image that the split file does not list (train/a/3.bmp)"));

    // A test folder elsewhere instead, and test images by the table.
    write_class(folder / "other/a", 1);
    write_class(folder / "other/b", 1);
    const ImageFolder elsewhere = load(folder.path(), {.test = folder / "other", .split = folder / "split.csv"});
    CHECK(elsewhere.test.size() == 2);
    write_file_atomically(folder / "split.csv", table + "train/a/3.bmp,\n");
    CHECK(throws_saying("line 9: the index is missing", [&] { load(folder.path(), {.split = folder / "split.csv"}); }));
    std::string by_name = "file,split\n";
    for (const char* name : {"a", "b"})
      by_name += fmt::format("train/{0}/0.bmp,train\ntrain/{0}/1.bmp,val\ntrain/{0}/2.bmp,test\n", name);
    write_file_atomically(folder / "split.csv", by_name);
    CHECK(throws_saying("give only one of the two",
                        [&] { load(folder.path(), {.test = folder / "other", .split = folder / "split.csv"}); }));
    const ImageFolder mixed = load(folder.path(), {.split = folder / "split.csv"});
    CHECK(mixed.test.size() == 2 + 8);
    CHECK(!mixed.clean_test);
  }

  TEST_CASE("an image folder's broken images are left out on request") {
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
    CHECK(intact.account.used() == 19);
    for (int i = 0; i < 10; ++i) write_file_atomically(folder / fmt::format("a/{}.bmp", i), "no image");
    CHECK(throws_saying("images: no training image of class 'a' is left: none of the 7 can be read; the first one: ",
                        [&] { load(folder.path(), {.skip_broken = true}); }));
  }
}

}  // namespace cofactor::testing
