#include "data/sets/clothing1m.h"

#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>

#include "data/files/find_folder.h"

namespace cofactor {

namespace {

std::shared_ptr<const ImageList> read_annotations(const std::filesystem::path& directory, const char* name) {
  const auto path = directory / "annotations" / name;
  check(!is_missing(path),
        "clothing1m: '{}' does not exist; its lines are paths of images relative to '{}', and their labels "
        "(\"images/3/45/NAME.jpg 7\"). Clothing1M is available on request: https://github.com/Cysu/noisy_label",
        path.string(), directory.string());
  return std::make_shared<ImageList>(
      read_image_list(path, directory, {kClothing1mClasses.begin(), kClothing1mClasses.end()}));
}

// Reads the parts, and remembers their lists.
class PartReader {
 public:
  PartReader(const std::filesystem::path& directory, const Clothing1mOptions& options)
      : directory_(directory), options_(options) {}

  Split read(const char* name, const char* part, const ImageTransform& transform, std::vector<BrokenSample>& broken) {
    const auto list = read_annotations(directory_, name);
    lists_.push_back(list);
    if (options_.skip_broken) broken = find_broken_images(*list, options_.threads);
    account_.use(list->size() - static_cast<int64_t>(broken.size()));
    const Split all = make_split(std::make_shared<ImageFileDataset>(list, transform), 0, list->size());
    const Split intact = without_broken(all, broken);
    check_classes_left(intact, all, list->classes, part, broken);
    return intact;
  }

  // The account of the lists, and of the files below images/ that are in none of them.
  FileAccount account() && {
    std::error_code ignored;
    if (!std::filesystem::is_directory(directory_ / "images", ignored)) return std::move(account_);
    std::unordered_set<std::string_view> listed;
    for (const auto& list : lists_) listed.insert(list->names.begin(), list->names.end());
    for (const std::string& name : files_below({.base = directory_}, "images", account_))
      if (!listed.contains(name)) account_.ignore("file in none of the lists", "files in none of the lists", name);
    return std::move(account_);
  }

 private:
  const std::filesystem::path& directory_;
  const Clothing1mOptions& options_;
  std::vector<std::shared_ptr<const ImageList>> lists_;
  FileAccount account_;
};

}  // namespace

ImageTransform clothing1m_evaluation_transform() {
  return {.resize_shorter = 256, .crop_h = 224, .crop_w = 224};
}

ImageTransform clothing1m_training_transform() {
  ImageTransform transform = clothing1m_evaluation_transform();
  transform.random_crop = transform.flip = true;
  transform.brightness = transform.saturation = 0.2;
  return transform;
}

Clothing1m load_clothing1m(const std::filesystem::path& directory, const Clothing1mOptions& options) {
  check(transformed_shape(options.training) == transformed_shape(options.evaluation),
        "clothing1m: training images have shape {}, but those of validation and test {}",
        transformed_shape(options.training), transformed_shape(options.evaluation));
  Clothing1m data;
  PartReader reader(directory, options);
  data.train = reader.read("noisy_train.txt", "training", options.training, data.broken_train);
  data.validation = reader.read("clean_val.txt", "validation", options.evaluation, data.broken_validation);
  data.test = reader.read("clean_test.txt", "test", options.evaluation, data.broken_test);
  data.account = std::move(reader).account();
  return data;
}

}  // namespace cofactor
