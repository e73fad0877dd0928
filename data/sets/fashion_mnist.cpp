#include "data/sets/fashion_mnist.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string>
#include <system_error>
#include <vector>

#include "data/files/find_folder.h"
#include "data/image_array.h"
#include "data/sets/idx.h"

namespace cofactor {

namespace {

constexpr int64_t kSide = 28;
constexpr int kBagLabel = 8;
constexpr int kMaxLabel = 9;
constexpr int32_t kBag = 0;  // the class
constexpr int32_t kClothes = 1;
constexpr std::array<std::string_view, 2> kPrefixes = {"train", "t10k"};
constexpr float kMean = 0.1307f;
constexpr float kStd = 0.3081f;

// The names that a file may have: the published one, and those that some programs give it when they unpack it.
std::vector<std::filesystem::path> spellings_of(std::string_view prefix, std::string_view kind, int rank) {
  std::vector<std::filesystem::path> names;
  for (const char mark : {'-', '.'}) {
    const std::string name = fmt::format("{}-{}{}idx{}-ubyte", prefix, kind, mark, rank);
    names.insert(names.end(), {name, name + ".gz", std::filesystem::path(name) / name});
  }
  return names;
}

// The path of the file in the folder; empty if there is none.
std::filesystem::path file_in(const std::filesystem::path& directory, std::string_view prefix, std::string_view kind,
                              int rank) {
  for (const auto& name : spellings_of(prefix, kind, rank))
    if (may_be_file(directory / name)) return directory / name;
  return {};
}

bool holds_any(const std::filesystem::path& directory) {
  return std::ranges::any_of(kPrefixes, [&](std::string_view prefix) {
    return !file_in(directory, prefix, "images", 3).empty() || !file_in(directory, prefix, "labels", 1).empty();
  });
}

// torchvision has files of the same names, with digits, in MNIST/raw beside FashionMNIST/raw.
bool is_other_set(const std::filesystem::path& directory) {
  constexpr std::array<std::string_view, 4> kOthers = {"MNIST", "KMNIST", "QMNIST", "EMNIST"};
  return std::ranges::any_of(directory, [&](const std::filesystem::path& part) {
    return std::ranges::find(kOthers, part.string()) != kOthers.end();
  });
}

std::filesystem::path folder_of_files(const std::filesystem::path& directory) {
  const auto found = find_folder(directory, "fashion_mnist", [&](const std::filesystem::path& folder) {
    return holds_any(folder) && (folder == directory || !is_other_set(folder.lexically_relative(directory)));
  });
  check(
      !found.empty(),
      "fashion_mnist: '{}' {}; expected train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
      "t10k-labels-idx1-ubyte (names with .idx or .gz and folders up to three levels down, such as FashionMNIST/raw, "
      "are "
      "searched too). The Debian package dataset-fashion-mnist installs them in '{}', and they can be downloaded from "
      "https://github.com/zalandoresearch/fashion-mnist",
      directory.string(), is_missing(directory) ? "does not exist" : "contains none of the files",
      fashion_mnist_default_directory().string());
  return found;
}

std::filesystem::path find_file(const std::filesystem::path& directory, std::string_view prefix, std::string_view kind,
                                int rank) {
  auto found = file_in(directory, prefix, kind, rank);
  std::vector<std::string> names;
  for (const auto& name : spellings_of(prefix, kind, rank)) names.push_back(name.string());
  check(!found.empty(), "fashion_mnist: '{}' contains none of {}", directory.string(), fmt::join(names, ", "));
  return found;
}

// Reads the images and labels of "train" or "t10k".
std::shared_ptr<const Dataset> read_pair(const std::filesystem::path& directory, std::string_view prefix) {
  const auto image_path = find_file(directory, prefix, "images", 3);
  const auto label_path = find_file(directory, prefix, "labels", 1);
  const IdxFile labels = read_idx(label_path, 1);
  IdxFile images = read_idx(image_path, 3);
  check(images.shape[1] == kSide && images.shape[2] == kSide,
        "fashion_mnist: '{}' contains images of {} x {} pixels, expected {} x {}", image_path.string(), images.shape[1],
        images.shape[2], kSide, kSide);
  check(images.shape[0] == labels.shape[0], "fashion_mnist: '{}' contains {} images, but '{}' contains {} labels",
        image_path.string(), images.shape[0], label_path.string(), labels.shape[0]);
  check(images.shape[0] > 0, "fashion_mnist: '{}' contains no images", image_path.string());
  std::vector<int32_t> classes;
  classes.reserve(labels.values.size());
  for (size_t i = 0; i < labels.values.size(); ++i) {
    check(labels.values[i] <= kMaxLabel, "fashion_mnist: '{}': label {} of image {} does not lie in [0, {}]",
          label_path.string(), labels.values[i], i, kMaxLabel);
    classes.push_back(labels.values[i] == kBagLabel ? kBag : kClothes);
  }
  return std::make_shared<ImageArray>(std::move(images.values), Shape{kSide, kSide, 1}, std::move(classes), 2,
                                      std::vector<float>{kMean}, std::vector<float>{kStd});
}

}  // namespace

FashionMnist load_fashion_mnist(const std::filesystem::path& directory) {
  std::error_code error;
  const auto type = std::filesystem::status(directory, error).type();
  check(type != std::filesystem::file_type::regular, "fashion_mnist: '{}' is a file, not a folder", directory.string());
  const auto folder = folder_of_files(directory);
  const auto training = read_pair(folder, kPrefixes[0]);
  const auto test = read_pair(folder, kPrefixes[1]);
  const int64_t train_size = training->size() * 5 / 6;
  check(train_size > 0,
        "fashion_mnist: '{1}' contains {0} training image, expected at least 2, since some are for validation",
        training->size(), directory.string());
  return {make_split(training, 0, train_size), make_split(training, train_size, training->size() - train_size),
          make_split(test, 0, test->size()), folder};
}

std::filesystem::path fashion_mnist_default_directory() {
  return "/usr/share/datasets/fashion-mnist";
}

}  // namespace cofactor
