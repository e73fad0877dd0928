#include "data/sets/cifar10.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <set>

#include "data/loader.h"
#include "tests/data/tiny_images.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

std::vector<float> cifar_sample(const Split& split, int64_t index, const RandomKey& key = {}) {
  std::vector<float> values(static_cast<size_t>(split.data->sample_shape().numel()));
  split.data->read(index, key, values.data());
  return values;
}

std::vector<float> normalized(const RgbImage& image) {
  std::vector<float> values;
  for (size_t i = 0; i < image.pixels.size(); ++i)
    values.push_back(
        static_cast<float>((image.pixels[i] / 255.0 - double{kCifar10Mean[i % 3]}) / double{kCifar10Std[i % 3]}));
  return values;
}

void check_values(const std::vector<float>& values, const std::vector<float>& expected) {
  REQUIRE(values.size() == expected.size());
  for (size_t i = 0; i < values.size(); ++i) REQUIRE(values[i] == doctest::Approx(expected[i]).epsilon(1e-4));
}

void write_batch(const std::filesystem::path& path, const std::string& bytes) {
  write_file_atomically(path, bytes);
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("CIFAR-10's binary version gives its images by batch") {
    const TemporaryFolder folder;
    write_tiny_cifar10_binary(folder.path(), 20);
    const Cifar10 cifar = load_cifar10(folder.path());
    CHECK(cifar.train.size() == 80);
    CHECK(cifar.validation.size() == 20);
    CHECK(cifar.test.size() == 20);
    CHECK(cifar.train.data->classes() == 10);
    CHECK(cifar.train.data->sample_shape() == Shape{32, 32, 3});
    CHECK(cifar.train.class_counts() == std::vector<int64_t>(10, 8));
    for (int i = 0; i < 20; ++i) {
      CHECK(cifar.train.indices[static_cast<size_t>(i)] == i);
      CHECK(cifar.validation.indices[static_cast<size_t>(i)] == 80 + i);
      CHECK(cifar.validation.labels[static_cast<size_t>(i)] == i % 10);
      check_values(cifar_sample(cifar.validation, 80 + i),
                   normalized(tiny_class_image(32, i % 10, static_cast<uint64_t>(80 + i))));
      check_values(cifar_sample(cifar.test, i),
                   normalized(tiny_class_image(32, i % 10, static_cast<uint64_t>(100 + i))));
    }
    // The archive's folder is found in the one that contains it.
    const TemporaryFolder outer;
    std::filesystem::create_directory(outer / "cifar-10-batches-bin");
    write_tiny_cifar10_binary(outer / "cifar-10-batches-bin", 2);
    CHECK(load_cifar10(outer.path()).train.size() == 8);
  }

  TEST_CASE("CIFAR-10's Python version is recognised and folders inside folders are found") {
    const TemporaryFolder folder;
    std::filesystem::create_directories(folder / "data/cifar-10-batches-py");
    write_batch(folder / "data/cifar-10-batches-py/data_batch_1", "\x80\x02");
    CHECK(contains(error_of([&] { load_cifar10(folder.path()); }), "contains the Python version"));
    std::filesystem::create_directories(folder / "data/cifar-10-batches-bin");
    write_tiny_cifar10_binary(folder / "data/cifar-10-batches-bin", 2);
    CHECK(load_cifar10(folder.path()).train.size() == 8);
  }

  TEST_CASE("CIFAR-10 in class folders is split four to one by a seeded permutation") {
    const TemporaryFolder folder;
    write_tiny_cifar10_folders(folder.path(), 5, 1);
    const Cifar10 cifar = load_cifar10(folder.path(), {.split_seed = 3, .threads = 2});
    CHECK(cifar.train.size() == 40);
    CHECK(cifar.validation.size() == 10);
    CHECK(cifar.test.size() == 10);
    std::vector<int64_t> all = cifar.train.indices;
    all.insert(all.end(), cifar.validation.indices.begin(), cifar.validation.indices.end());
    CHECK(all == random_permutation({3, Purpose::split, 0, 0}, 50));
    for (const Split* part : {&cifar.train, &cifar.validation})
      for (size_t i = 0; i < part->indices.size(); ++i) REQUIRE(part->labels[i] == part->indices[i] / 5);
    for (const int64_t index : {0, 17, 49})
      check_values(cifar_sample(cifar.validation, index),
                   normalized(tiny_class_image(32, static_cast<int>(index / 5), static_cast<uint64_t>(index))));
    CHECK(cifar.test.labels == std::vector<int32_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    CHECK(load_cifar10(folder.path(), {.split_seed = 4}).train.indices != cifar.train.indices);
  }

  TEST_CASE("CIFAR-10 in class folders has its official order if a table gives the index of each file") {
    // The images of the binary version, in folders, with labels that take turns.
    const TemporaryFolder binary, folders;
    write_tiny_cifar10_binary(binary.path(), 20);
    const Cifar10 official = load_cifar10(binary.path());
    std::string table = "index,file,clean\r\n";
    for (int i = 119; i >= 0; --i) {
      const std::string file = fmt::format("{}/{}/{:04}.jpg", i < 100 ? "train" : "test",
                                           kCifar10Classes[static_cast<size_t>(i % 10)], (i * 37) % 120);
      write_image(folders / file, tiny_class_image(32, i % 10, static_cast<uint64_t>(i)));
      if (i < 100) table += fmt::format("{},{},x\r\n", i < 80 ? i : 39'920 + i, file);
    }
    write_file_atomically(folders / "split.csv", table);
    const Cifar10 cifar = load_cifar10(folders.path(), {.split = folders / "split.csv", .threads = 2});
    CHECK(cifar.train.indices == official.train.indices);
    CHECK(cifar.train.labels == official.train.labels);
    CHECK(cifar.validation.indices == official.validation.indices);
    CHECK(cifar.validation.labels == official.validation.labels);
    CHECK(cifar.test.size() == 20);
    for (const int64_t i : {0, 1, 79, 80, 99})
      CHECK(cifar_sample(cifar.validation, i) == cifar_sample(official.validation, i));
    CHECK(cifar.train.data->images()->window(3, augmentation_key(1, 1, 3)).row ==
          official.train.data->images()->window(3, augmentation_key(1, 1, 3)).row);
    CHECK(contains(error_of([&] { load_cifar10(binary.path(), {.split = folders / "split.csv"}); }),
                   "contains the binary version, which has an official split"));
    std::filesystem::remove(folders / "train/cat/0111.jpg");
    CHECK(contains(error_of([&] { load_cifar10(folders.path(), {.split = folders / "split.csv"}); }),
                   "'train/cat/0111.jpg' does not exist in '" + folders.path().string() + "'"));
  }

  TEST_CASE("only CIFAR-10's training images are cropped and flipped") {
    const TemporaryFolder folder;
    write_tiny_cifar10_binary(folder.path(), 2);
    const Cifar10 cifar = load_cifar10(folder.path()), plain = load_cifar10(folder.path(), {.augment = false});
    CHECK(cifar.train.data->sample_shape() == Shape{32, 32, 3});
    // Splits share the bytes.
    CHECK(&cifar.train.data->images()->bytes() == &cifar.validation.data->images()->bytes());
    CHECK(plain.train.data == plain.validation.data);
    std::set<int32_t> rows;
    for (int epoch = 0; epoch < 200; ++epoch) {
      const RandomKey key = augmentation_key(1, epoch, 3);
      CHECK(cifar_sample(plain.train, 3, key) == cifar_sample(plain.train, 3));
      CHECK(cifar_sample(cifar.validation, 3, key) == cifar_sample(plain.train, 3));
      rows.insert(cifar.train.data->images()->window(3, key).row);
      CHECK(cifar.train.data->images()->window(3, key).mirrored == random_below(key, 2, 2));
    }
    CHECK(rows == std::set<int32_t>{-4, -3, -2, -1, 0, 1, 2, 3, 4});
  }

  TEST_CASE("CIFAR-10 files that are missing or malformed are errors with path and offset") {
    const TemporaryFolder folder;
    const std::string base = folder.path().string();
    const auto error = [&] { return error_of([&] { load_cifar10(folder.path()); }); };
    CHECK(contains(error(),
                   "cifar10: '" + base + "' contains no data set; expected data_batch_1.bin to data_batch_5.bin and"));
    write_tiny_cifar10_binary(folder.path(), 3);
    CHECK(error().empty());
    const std::string record = cifar10_record(7, random_image(32, 32));
    write_batch(folder / "data_batch_3.bin", record + record + record.substr(0, 3000));
    CHECK(error() ==
          "cifar10: '" + base + "/data_batch_3.bin' is cut short: the record of 3073 bytes at byte 6146 has only 3000");
    write_batch(folder / "data_batch_3.bin", record + cifar10_record(10, random_image(32, 32)));
    CHECK(error() == "cifar10: '" + base + "/data_batch_3.bin': label 10 at byte 3073 does not lie in [0, 10)");
    write_batch(folder / "data_batch_3.bin", "");
    CHECK(error() == "cifar10: '" + base + "/data_batch_3.bin' is empty");
    write_batch(folder / "data_batch_3.bin", record);
    CHECK(load_cifar10(folder.path()).train.size() == 10);
    for (const char* name : {"data_batch_1.bin", "test_batch.bin"}) {
      std::filesystem::remove(folder / name);
      CHECK(contains(error(), "cifar10: '" + base + "/" + name + "' of the binary version does not exist"));
      write_batch(folder / name, record);
    }
  }

  TEST_CASE("other class folders or other images are errors for CIFAR-10") {
    const TemporaryFolder folder;
    const std::string base = folder.path().string();
    write_tiny_cifar10_folders(folder.path(), 2, 1);
    const auto error = [&] { return error_of([&] { load_cifar10(folder.path()); }); };
    CHECK(error().empty());
    write_image(folder / "train/cat/0001.jpg", random_image(32, 31));
    CHECK(error() == "images: '" + base + "/train/cat/0001.jpg' has 32 x 31 pixels, but '" + base +
                         "/train/airplane/0000.jpg' has 32 x 32");
    std::filesystem::rename(folder / "train/cat", folder / "train/lion");
    CHECK(contains(error(), "cifar10: the class folders in '" + base +
                                "/train' are airplane, automobile, bird, deer, dog, frog, horse, lion, ship, truck, "
                                "expected airplane, automobile, bird, cat,"));
    const TemporaryFolder other;
    for (const std::string_view name : kCifar10Classes)
      write_image(other.path() / "train" / name / "0.png", random_image(28, 28));
    CHECK(error_of([&] { load_cifar10(other.path()); }) ==
          "cifar10: the images in '" + other.path().string() +
              "/train' have shape (28, 28, 3), expected 32 x 32 pixels");
  }

  TEST_CASE("the real CIFAR-10 if COFACTOR_CIFAR10 names its folder") {
    const char* directory = std::getenv("COFACTOR_CIFAR10");
    if (directory == nullptr) {
      MESSAGE("skipped: the environment variable COFACTOR_CIFAR10 names no folder");
      return;
    }
    const Cifar10 cifar = load_cifar10(directory, {.augment = false});
    CHECK(cifar.train.size() == 40'000);
    CHECK(cifar.validation.size() == 10'000);
    CHECK(cifar.test.size() == 10'000);
    CHECK(cifar.test.class_counts() == std::vector<int64_t>(10, 1000));
    // After normalisation, the training images have mean 0 and deviation 1; JPEGs have lost a little contrast.
    std::vector<int64_t> all(50'000);
    std::iota(all.begin(), all.end(), int64_t{0});
    const auto [mean, deviation] = channel_statistics(*cifar.train.data, all);
    for (size_t c = 0; c < 3; ++c) {
      CHECK(std::abs(mean[c]) < 0.002);
      CHECK(std::abs(deviation[c] - 1) < 0.01);
    }
  }
}

}  // namespace cofactor::testing
