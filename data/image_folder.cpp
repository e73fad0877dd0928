#include "data/image_folder.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <system_error>

namespace cofactor {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kValidationPart = 5, kTestPart = 10;  // of a class's images, one in so many

std::shared_ptr<const ImageList> list_of(const fs::path& folder) {
  auto list = std::make_shared<ImageList>(list_class_folders(folder));
  check(list->classes.size() >= 2, "images: '{}' holds one class, {}; telling classes apart takes two", folder.string(),
        list->classes.front());
  return list;
}

fs::path test_folder_of(const fs::path& directory, const ImageFolderOptions& options) {
  if (!options.test.empty()) return class_folders_of(options.test);
  std::error_code ignored;
  if (class_folders_of(directory) == directory || !fs::is_directory(directory / "test", ignored)) return {};
  return directory / "test";
}

// Which samples go where, each part in the order of the permutation.
struct Dealt {
  std::vector<int64_t> train, validation, test;
};

Dealt deal(const ImageList& list, bool with_test, uint64_t seed) {
  std::vector<int64_t> sizes(list.classes.size());
  for (const int32_t label : list.labels) ++sizes[static_cast<size_t>(label)];
  const int64_t parts = with_test ? 3 : 2;
  for (size_t c = 0; c < sizes.size(); ++c) {
    check(sizes[c] >= parts, "images: class '{}' in '{}' has {} images, fewer than the {} parts that they are dealt to",
          list.classes[c], list.root.string(), sizes[c], parts);
  }
  Dealt dealt;
  std::vector<int64_t> seen(sizes.size());
  for (const int64_t i : random_permutation({seed, Purpose::split, 0, 0}, list.size())) {
    const auto c = static_cast<size_t>(list.labels[static_cast<size_t>(i)]);
    const int64_t validate = std::max<int64_t>(1, sizes[c] / kValidationPart);
    const int64_t test = with_test ? std::max<int64_t>(1, sizes[c] / kTestPart) : 0;
    const int64_t place = seen[c]++;
    auto& part = place < validate ? dealt.validation : place < validate + test ? dealt.test : dealt.train;
    part.push_back(i);
  }
  return dealt;
}

Split split_of(std::shared_ptr<const Dataset> data, const std::vector<int64_t>& samples,
               const std::vector<BrokenImage>& broken) {
  return without_broken(make_split(std::move(data), samples, 0, static_cast<int64_t>(samples.size())), broken);
}

// The test folder's images. Those that are broken are added to `all_broken`.
Split load_test(const fs::path& folder, const ImageList& list, const ImageFolderOptions& options,
                std::vector<BrokenImage>& all_broken) {
  const auto test = list_of(folder);
  check(test->classes == list.classes, "images: the test's classes in '{}' are {}, those in '{}' {}", folder.string(),
        fmt::join(test->classes, ", "), list.root.string(), fmt::join(list.classes, ", "));
  const auto broken = options.skip_broken ? find_broken_images(*test, options.threads) : std::vector<BrokenImage>{};
  all_broken.insert(all_broken.end(), broken.begin(), broken.end());
  return without_broken(make_split(std::make_shared<const ImageFiles>(test, options.evaluation), 0, test->size()),
                        broken);
}

}  // namespace

fs::path class_folders_of(const fs::path& directory) {
  const fs::path train = directory / "train";
  std::error_code ignored;
  if (!fs::is_directory(train, ignored) || sorted_entries(train, EntryKind::folder).empty()) return directory;
  return train;
}

std::vector<std::string> image_folder_classes(const fs::path& directory) {
  const fs::path folder = class_folders_of(directory);
  auto classes = sorted_entries(folder, EntryKind::folder);
  check(classes.size() >= 2, "images: '{}' holds {} folders; one for each class is expected, two classes at least",
        folder.string(), classes.size());
  return classes;
}

ImageFolder load_image_folder(const fs::path& directory, const ImageFolderOptions& options) {
  const auto list = list_of(class_folders_of(directory));
  const fs::path test = test_folder_of(directory, options);
  ImageFolder folder;
  folder.clean_test = !test.empty();
  folder.images = std::make_shared<const ImageFiles>(list, options.evaluation);
  if (options.skip_broken) folder.broken = find_broken_images(*list, options.threads);
  const Dealt dealt = deal(*list, !folder.clean_test, options.split_seed);
  folder.train = split_of(folder.images->with(options.training), dealt.train, folder.broken);
  folder.validation = split_of(folder.images, dealt.validation, folder.broken);
  folder.test = folder.clean_test ? load_test(test, *list, options, folder.broken)
                                  : split_of(folder.images, dealt.test, folder.broken);
  check(folder.train.data->sample_shape() == folder.test.data->sample_shape(),
        "images: training images become {}, but those of validation and test {}", folder.train.data->sample_shape(),
        folder.test.data->sample_shape());
  return folder;
}

}  // namespace cofactor
