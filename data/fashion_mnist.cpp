#include "data/fashion_mnist.h"

#include <fmt/ranges.h>

#include <system_error>

#include "data/idx.h"

namespace cofactor {

namespace {

constexpr int64_t kSide = 28;
constexpr int kBagLabel = 8;
constexpr int kLargestLabel = 9;
constexpr int32_t kBag = 0;  // the class
constexpr int32_t kClothes = 1;
constexpr float kMean = 0.1307f;
constexpr float kStd = 0.3081f;

// Also true where the system refuses to say: then opening the file fails, with the system's reason.
bool may_exist(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error) || error;
}

std::filesystem::path find_file(const std::filesystem::path& directory, std::string_view name) {
  auto plain = directory / name;
  if (may_exist(plain)) return plain;
  auto gzipped = plain;
  gzipped += ".gz";
  if (may_exist(gzipped)) return gzipped;
  fail(
      "fashion_mnist: there is neither '{}' nor '{}'; the Debian package dataset-fashion-mnist provides the files, in "
      "'{}'",
      plain.string(), gzipped.string(), fashion_mnist_default_directory().string());
}

// One of the two pairs of files: "train" or "t10k".
std::shared_ptr<const Dataset> read_pair(const std::filesystem::path& directory, std::string_view prefix) {
  const auto image_path = find_file(directory, fmt::format("{}-images-idx3-ubyte", prefix));
  const auto label_path = find_file(directory, fmt::format("{}-labels-idx1-ubyte", prefix));
  const IdxFile labels = read_idx(label_path, 1);
  IdxFile images = read_idx(image_path, 3);
  check(images.shape[1] == kSide && images.shape[2] == kSide, "fashion_mnist: '{}' holds images of {}x{}, not {}x{}",
        image_path.string(), images.shape[1], images.shape[2], kSide, kSide);
  check(images.shape[0] == labels.shape[0], "fashion_mnist: '{}' holds {} images, '{}' holds {} labels",
        image_path.string(), images.shape[0], label_path.string(), labels.shape[0]);
  check(images.shape[0] > 0, "fashion_mnist: '{}' holds no image", image_path.string());
  std::vector<int32_t> classes;
  classes.reserve(labels.values.size());
  for (size_t i = 0; i < labels.values.size(); ++i) {
    check(labels.values[i] <= kLargestLabel, "fashion_mnist: '{}': label {} of image {} does not lie in [0, {}]",
          label_path.string(), labels.values[i], i, kLargestLabel);
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
  const auto training = read_pair(directory, "train");
  const auto test = read_pair(directory, "t10k");
  const int64_t train_size = training->size() * 5 / 6;
  check(train_size > 0, "fashion_mnist: {} training image in '{}' leaves none to train on beside the validation's",
        training->size(), directory.string());
  return {make_split(training, 0, train_size), make_split(training, train_size, training->size() - train_size),
          make_split(test, 0, test->size())};
}

std::filesystem::path fashion_mnist_default_directory() {
  return "/usr/share/datasets/fashion-mnist";
}

TransitionMatrix fashion_mnist_noise(std::string_view name, double rate) {
  if (name == "uniform") return uniform_noise(2, rate);
  if (name == "bags-to-clothes") return flip_noise(2, {{kBag, kClothes}}, rate);
  if (name == "clothes-to-bags") return flip_noise(2, {{kClothes, kBag}}, rate);
  fail("fashion_mnist: the noise '{}' is none of {}", name, fmt::join(kFashionMnistNoises, ", "));
}

}  // namespace cofactor
