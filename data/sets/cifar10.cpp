#include "data/sets/cifar10.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "data/files/find_folder.h"
#include "data/image_array.h"
#include "data/images/image_file_dataset.h"
#include "data/sets/split_file.h"
#include "engine/io/file.h"

namespace cofactor {

namespace {

constexpr int64_t kCifarSide = 32;
constexpr size_t kPlane = kCifarSide * kCifarSide;  // bytes of one channel
constexpr size_t kRecord = 1 + kRgb * kPlane;
constexpr auto kCifarClasses = static_cast<int64_t>(kCifar10Classes.size());
constexpr const char* kTestBatch = "test_batch.bin";
constexpr std::string_view kBinaryVersion = "cifar-10-binary.tar.gz at https://www.cs.toronto.edu/~kriz/cifar.html";

std::string training_batch(int number) {
  return fmt::format("data_batch_{}.bin", number);
}

std::shared_ptr<const ImageArray> to_array(std::vector<uint8_t> pixels, std::vector<int32_t> labels) {
  return std::make_shared<ImageArray>(std::move(pixels), Shape{kCifarSide, kCifarSide, kRgb}, std::move(labels),
                                      kCifarClasses, std::vector<float>(kCifar10Mean.begin(), kCifar10Mean.end()),
                                      std::vector<float>(kCifar10Std.begin(), kCifar10Std.end()));
}

// Appends the images of one file, with their planes interleaved to (32, 32, 3).
void read_batch(const std::filesystem::path& path, std::vector<uint8_t>& pixels, std::vector<int32_t>& labels) {
  check(!is_missing(path), "cifar10: '{}' of the binary version does not exist ({})", path.string(), kBinaryVersion);
  const std::string bytes = read_file(path);
  check(!bytes.empty(), "cifar10: '{}' is empty", path.string());
  check(bytes.size() % kRecord == 0, "cifar10: '{}' is cut short: the record of {} bytes at byte {} has only {}",
        path.string(), kRecord, bytes.size() / kRecord * kRecord, bytes.size() % kRecord);
  for (size_t at = 0; at < bytes.size(); at += kRecord) {
    const auto label = static_cast<uint8_t>(bytes[at]);
    check(label < kCifarClasses, "cifar10: '{}': label {} at byte {} does not lie in [0, {})", path.string(), label, at,
          kCifarClasses);
    labels.push_back(label);
    for (size_t i = 0; i < kPlane; ++i)
      for (size_t c = 0; c < kRgb; ++c) pixels.push_back(static_cast<uint8_t>(bytes[at + 1 + c * kPlane + i]));
  }
}

Cifar10 load_binary(const std::filesystem::path& directory) {
  std::vector<uint8_t> pixels;
  std::vector<int32_t> labels;
  for (int number = 1; number <= 4; ++number) read_batch(directory / training_batch(number), pixels, labels);
  const auto train = static_cast<int64_t>(labels.size());
  read_batch(directory / training_batch(5), pixels, labels);
  const auto all = static_cast<int64_t>(labels.size());
  const auto training = to_array(std::move(pixels), std::move(labels));
  pixels = {}, labels = {};
  read_batch(directory / kTestBatch, pixels, labels);
  const auto test = static_cast<int64_t>(labels.size());
  return {make_split(training, 0, train),
          make_split(training, train, all - train),
          make_split(to_array(std::move(pixels), std::move(labels)), 0, test),
          {}};
}

// The images of one of the two folders, by their paths from `directory`.
ImageList list_part(const std::filesystem::path& directory, const char* part, const Cifar10Options& options,
                    FileAccount& account) {
  ImageList list = list_class_images(
      {.images = {.base = directory, .threads = options.threads}, .folder = part, .no_classes = {}}, account);
  check(std::ranges::equal(list.classes, kCifar10Classes), "cifar10: the class folders in '{}' are {}, expected {}",
        (directory / part).string(), fmt::join(list.classes, ", "), fmt::join(kCifar10Classes, ", "));
  return list;
}

std::shared_ptr<const ImageArray> load_listed(const ImageList& list, int threads) {
  auto array = load_image_array(list, {kCifar10Mean.begin(), kCifar10Mean.end()},
                                {kCifar10Std.begin(), kCifar10Std.end()}, threads);
  check(array->sample_shape() == Shape{kCifarSide, kCifarSide, kRgb},
        "cifar10: the images in '{}' have shape {}, expected 32 x 32 pixels",
        list.path(0).parent_path().parent_path().string(), array->sample_shape());
  return array;
}

Cifar10 load_split(const std::filesystem::path& directory, const Cifar10Options& options) {
  const SplitFile split = read_split_file(options.split);
  Cifar10 cifar;
  count_beside({.base = directory}, {"train", "test"}, cifar.account);
  ImageList all = list_part(directory, "train", options, cifar.account);
  all.append(list_part(directory, "test", options, cifar.account));
  const SplitImages images = split_images(all, split, "test", cifar.account);
  check_has_test(images, split);
  const auto array = load_listed(images.list, options.threads);
  for (const auto& [part, samples] :
       {std::pair{&cifar.train, &images.train}, std::pair{&cifar.validation, &images.validation},
        std::pair{&cifar.test, &images.test}})
    *part = make_split(array, *samples);
  return cifar;
}

Cifar10 load_class_folders(const std::filesystem::path& directory, const Cifar10Options& options) {
  if (!options.split.empty()) return load_split(directory, options);
  FileAccount account;
  count_beside({.base = directory}, {"train", "test"}, account);
  const auto training = load_listed(list_part(directory, "train", options, account), options.threads);
  const auto test = load_listed(list_part(directory, "test", options, account), options.threads);
  const int64_t all = training->size(), train = all * 4 / 5;
  const auto order = random_permutation({options.split_seed, Purpose::split, 0, 0}, all);
  return {make_split(training, order, 0, train), make_split(training, order, train, all - train),
          make_split(test, 0, test->size()), std::move(account)};
}

// The folder that contains the batches; empty if there is none.
std::filesystem::path find_batches(const std::filesystem::path& directory, int levels) {
  const auto holds = [](const std::filesystem::path& folder) {
    return may_be_file(folder / training_batch(1)) || may_be_file(folder / kTestBatch);
  };
  return find_folder(directory, "cifar10", holds, levels);
}

// Whether there are the pickles of the Python version, which torchvision downloads.
bool holds_python_version(const std::filesystem::path& directory) {
  return !find_folder(directory, "cifar10", [](const std::filesystem::path& folder) {
            return may_be_file(folder / "data_batch_1") || may_be_file(folder / "cifar-10-python.tar.gz");
          }).empty();
}

}  // namespace

Cifar10 load_cifar10(const std::filesystem::path& directory, const Cifar10Options& options) {
  std::error_code ignored;
  const bool folders = std::filesystem::is_directory(directory / "train", ignored);
  const auto batches = find_batches(directory, folders ? 1 : 3);
  check(!batches.empty() || folders || !holds_python_version(directory),
        "cifar10: '{}' contains the Python version, whose pickles are not supported; use the binary version, {}",
        directory.string(), kBinaryVersion);
  check(batches.empty() || options.split.empty(),
        "cifar10: '{}' contains the binary version, which has an official split; --split '{}' is for class folders",
        batches.string(), options.split.string());
  check(!batches.empty() || folders,
        "cifar10: '{}' {}; expected data_batch_1.bin to data_batch_5.bin and test_batch.bin (the binary version, {}; "
        "folders up to three levels down, such as cifar-10-batches-bin, are searched too) or folders train/<class> and "
        "test/<class> of images",
        directory.string(), is_missing(directory) ? "does not exist" : "contains no data set", kBinaryVersion);
  Cifar10 cifar = batches.empty() ? load_class_folders(directory, options) : load_binary(batches);
  if (options.augment)
    cifar.train.data =
        cifar.train.data->images()->augmented({.pad = 4, .crop_h = kCifarSide, .crop_w = kCifarSide, .flip = true});
  return cifar;
}

}  // namespace cofactor
