#include "data/sets/fashion_mnist.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "data/noise/synthetic.h"
#include "tests/data/sets/idx_files.h"

namespace cofactor::testing {

namespace {

constexpr int64_t kPixels = 28 * 28;

std::string load_error(const std::filesystem::path& directory) {
  return error_of([&] { load_fashion_mnist(directory); });
}

// The sum of the bytes of an image, computed from its normalised values.
double byte_sum(const Split& split, int64_t position) {
  std::vector<float> values(kPixels);
  split.data->read(split.indices[static_cast<size_t>(position)], {}, values.data());
  double sum = 0.0;
  for (float value : values) sum += std::round((value * 0.3081 + 0.1307) * 255.0);
  return sum;
}

// Writes one pair of files: `labels` and as many blank images of side x side.
void write_pair(const TemporaryFolder& folder, const std::string& prefix, const std::string& labels, uint32_t images,
                uint32_t side = 28) {
  write_in(folder, prefix + "-labels-idx1-ubyte", idx_bytes({static_cast<uint32_t>(labels.size())}, labels));
  write_in(folder, prefix + "-images-idx3-ubyte",
           idx_bytes({images, side, side}, std::string(size_t{images} * side * side, 'x')));
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("the tiny data set splits at 5/6 whether plain or gzipped") {
    const TemporaryFolder plain;
    const TemporaryFolder zipped;
    write_tiny_fashion_mnist(plain.path(), {.train = 61, .test = 7, .gzip = false});
    write_tiny_fashion_mnist(zipped.path(), {.train = 61, .test = 7, .gzip = true});
    CHECK(std::filesystem::exists(plain.path() / "train-images-idx3-ubyte"));
    CHECK(std::filesystem::exists(zipped.path() / "t10k-labels-idx1-ubyte.gz"));
    const FashionMnist a = load_fashion_mnist(plain.path());
    const FashionMnist b = load_fashion_mnist(zipped.path());
    for (const FashionMnist& sets : {a, b}) {
      CHECK(sets.train.size() == 50);
      CHECK(sets.validation.size() == 11);
      CHECK(sets.test.size() == 7);
      CHECK(sets.train.data == sets.validation.data);
      CHECK(sets.validation.indices.front() == 50);
      CHECK(sets.test.indices.front() == 0);
      CHECK(sets.train.data->sample_shape() == Shape{28, 28, 1});
      CHECK(sets.train.data->classes() == 2);
    }
    CHECK(a.train.labels == b.train.labels);
    for (int64_t i = 0; i < 7; ++i) CHECK(byte_sum(a.test, i) == byte_sum(b.test, i));
  }

  TEST_CASE("bags are class 0 and everything else class 1 and they look different") {
    const TemporaryFolder folder;
    write_tiny_fashion_mnist(folder.path(), {.train = 600, .test = 50});
    const Split train = load_fashion_mnist(folder.path()).train;
    const auto counts = train.class_counts();
    CHECK(counts[0] > 200);
    CHECK(counts[1] > 200);
    // Row 20, column 4: part of a bag's body, background to all clothes.
    std::vector<float> values(kPixels);
    for (int64_t i = 0; i < train.size(); ++i) {
      train.data->read(i, {}, values.data());
      CHECK((values[20 * 28 + 4] > 1.0f) == (train.labels[static_cast<size_t>(i)] == 0));
    }
  }

  TEST_CASE("each label has its class and values are normalised with the published code's mean and std") {
    const TemporaryFolder folder;
    write_pair(folder, "train", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 0}, 12);
    write_pair(folder, "t10k", {8}, 1);
    const FashionMnist sets = load_fashion_mnist(folder.path());
    CHECK(sets.train.labels == std::vector<int32_t>{1, 1, 1, 1, 1, 1, 1, 1, 0, 1});
    CHECK(sets.validation.labels == std::vector<int32_t>{0, 1});
    CHECK(sets.test.labels == std::vector<int32_t>{0});
    std::vector<float> values(kPixels);
    sets.test.data->read(0, {}, values.data());
    CHECK(values[783] == doctest::Approx(('x' / 255.0 - 0.1307) / 0.3081));
  }

  TEST_CASE("the files are found as programs unpack and name them") {
    const TemporaryFolder plain;
    write_tiny_fashion_mnist(plain.path(), {.train = 12, .test = 2, .gzip = false});
    const FashionMnist expected = load_fashion_mnist(plain.path());
    const std::vector<std::pair<std::string, std::string>> layouts{
        {"", "."}, {"FashionMNIST/raw", "-"}, {"FashionMNIST/raw", "."}, {"a/b/c", "-"}, {"data", "own"}};
    for (const auto& [place, mark] : layouts) {
      CAPTURE(place + " " + mark);
      const TemporaryFolder folder;
      const auto target = folder.path() / place;
      std::filesystem::create_directories(target);
      for (const auto& entry : std::filesystem::directory_iterator(plain.path())) {
        std::string name = entry.path().filename().string();
        if (mark == ".") name.replace(name.find("-idx"), 1, ".");
        if (mark == "own") std::filesystem::create_directory(target / name);
        std::filesystem::copy(entry.path(), mark == "own" ? target / name / name : target / name);
      }
      const FashionMnist found = load_fashion_mnist(folder.path());
      CHECK(found.train.labels == expected.train.labels);
      CHECK(byte_sum(found.test, 1) == byte_sum(expected.test, 1));
    }
  }

  TEST_CASE("a folder of digits is not taken for clothes and of two folders none is chosen") {
    const TemporaryFolder folder;
    for (const char* place : {"MNIST/raw", "FashionMNIST/raw"}) {
      std::filesystem::create_directories(folder.path() / place);
      write_tiny_fashion_mnist(folder.path() / place, {.train = place[0] == 'M' ? 24 : 12, .test = 2});
    }
    CHECK(load_fashion_mnist(folder.path()).train.size() == 10);
    std::filesystem::remove_all(folder / "FashionMNIST");
    CHECK(contains(load_error(folder.path()), "contains none of the files"));
    CHECK(load_fashion_mnist(folder / "MNIST/raw").train.size() == 20);  // given directly
    for (const char* place : {"one", "two"}) {
      std::filesystem::create_directories(folder.path() / place);
      write_tiny_fashion_mnist(folder.path() / place, {.train = 12, .test = 2});
    }
    CHECK(load_error(folder.path()) == "fashion_mnist: '" + (folder / "one").string() + "' and '" +
                                           (folder / "two").string() +
                                           "' both contain such files; give the path of the one to use");
  }

  TEST_CASE("missing or invalid files are errors") {
    const TemporaryFolder folder;
    const std::string base = folder.path().string();
    const std::string none = load_error(folder.path());
    for (const std::string& part :
         {"fashion_mnist: '" + base +
              "' contains none of the files; expected train-images-idx3-ubyte, "
              "train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte",
          std::string("folders up to three levels down, such as FashionMNIST/raw"),
          std::string("The Debian package dataset-fashion-mnist installs them in '/usr/share/")})
      CHECK(contains(none, part));
    CHECK(contains(load_error(folder.path() / "no-such-folder"),
                   "no-such-folder' does not exist; expected train-images"));
    CHECK(load_error(write_in(folder, "file", "x")) == "fashion_mnist: '" + base + "/file' is a file, not a folder");

    write_pair(folder, "train", {8, 0, 1}, 3);
    CHECK(load_error(folder.path()) ==
          "fashion_mnist: '" + base +
              "' contains none of t10k-images-idx3-ubyte, t10k-images-idx3-ubyte.gz, "
              "t10k-images-idx3-ubyte/t10k-images-idx3-ubyte, t10k-images.idx3-ubyte, t10k-images.idx3-ubyte.gz, "
              "t10k-images.idx3-ubyte/t10k-images.idx3-ubyte");
    write_pair(folder, "t10k", {8, 0, 1}, 2);
    CHECK(load_error(folder.path()) == "fashion_mnist: '" + base + "/t10k-images-idx3-ubyte' contains 2 images, but '" +
                                           base + "/t10k-labels-idx1-ubyte' contains 3 labels");
    write_pair(folder, "t10k", {8, 10, 1}, 3);
    CHECK(load_error(folder.path()) ==
          "fashion_mnist: '" + base + "/t10k-labels-idx1-ubyte': label 10 of image 1 does not lie in [0, 9]");
    write_pair(folder, "t10k", {8}, 1, 27);
    CHECK(load_error(folder.path()) ==
          "fashion_mnist: '" + base + "/t10k-images-idx3-ubyte' contains images of 27 x 27 pixels, expected 28 x 28");
    write_pair(folder, "t10k", "", 0);
    CHECK(load_error(folder.path()) == "fashion_mnist: '" + base + "/t10k-images-idx3-ubyte' contains no images");
    write_in(folder, "t10k-images-idx3-ubyte", "");
    CHECK(load_error(folder.path()) == "idx: '" + base + "/t10k-images-idx3-ubyte' is empty");
    write_pair(folder, "t10k", {8}, 1);
    CHECK(load_error(folder.path()).empty());
    write_pair(folder, "train", {8}, 1);
    CHECK(load_error(folder.path()).find("1 training image") != std::string::npos);
  }

  TEST_CASE("noise on one split does not depend on the others") {
    const TemporaryFolder folder;
    write_tiny_fashion_mnist(folder.path(), {.train = 120, .test = 6});
    const FashionMnist sets = load_fashion_mnist(folder.path());
    const Transition transition = uniform_noise(2, 0.8);
    const RandomKey key{5, Purpose::labels, 0, 0};
    const Split whole = make_split(sets.train.data, 0, 120);
    const auto of_whole = transition.draw_labels(whole.labels, whole.indices, key);
    auto of_parts = transition.draw_labels(sets.train.labels, sets.train.indices, key);
    const auto of_validation = transition.draw_labels(sets.validation.labels, sets.validation.indices, key);
    of_parts.insert(of_parts.end(), of_validation.begin(), of_validation.end());
    CHECK(of_parts == of_whole);
    CHECK(of_whole != whole.labels);
  }

  TEST_CASE("the real Fashion-MNIST if its package is installed") {
    const auto directory = fashion_mnist_default_directory();
    if (!std::filesystem::exists(directory)) {
      MESSAGE("skipped: the Debian package dataset-fashion-mnist is not installed");
      return;
    }
    const FashionMnist sets = load_fashion_mnist(directory);
    CHECK(sets.train.size() == 50'000);
    CHECK(sets.validation.size() == 10'000);
    CHECK(sets.test.size() == 10'000);
    // Counted in the files with another program.
    CHECK(sets.train.class_counts() == std::vector<int64_t>{5032, 44'968});
    CHECK(sets.validation.class_counts() == std::vector<int64_t>{968, 9032});
    CHECK(sets.test.class_counts() == std::vector<int64_t>{1000, 9000});
    CHECK(byte_sum(sets.train, 0) == 76'247);
    CHECK(byte_sum(sets.validation, 9999) == 16'684);
    CHECK(byte_sum(sets.test, 9999) == 24'390);
  }
}

}  // namespace cofactor::testing
