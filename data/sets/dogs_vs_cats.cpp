#include "data/sets/dogs_vs_cats.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>
#include <tuple>
#include <utility>

namespace cofactor {

namespace {

constexpr int32_t kCat = 0;
constexpr int32_t kDog = 1;

struct NamedImage {
  int32_t label;
  int64_t number;
  std::string name;
};

// Parses "cat.0.jpg", in any folder; nothing for other names.
std::optional<NamedImage> parse_name(const std::string& path) {
  const std::string_view text = std::string_view(path).substr(path.rfind('/') + 1);
  const size_t first = text.find('.'), last = text.rfind('.');
  const std::string_view animal = text.substr(0, first),
                         number = text.substr(first + 1, last - std::min(first + 1, last));
  NamedImage image{animal == "cat" ? kCat : kDog, -1, path};
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), image.number);
  if ((animal != "cat" && animal != "dog") || error != std::errc() || end != number.data() + number.size() ||
      image.number < 0)
    return std::nullopt;
  return image;
}

std::shared_ptr<const ImageList> list_images(const std::filesystem::path& directory, int threads,
                                             FileAccount& account) {
  std::error_code ignored;
  const auto train = directory / "train";
  const auto folder = std::filesystem::is_directory(train, ignored) ? train : directory;
  if (folder == train) count_beside({.base = directory}, {"train"}, account);
  std::vector<NamedImage> images;
  for (const std::string& name : find_images({.base = folder, .threads = threads}, {}, account)) {
    if (auto image = parse_name(name)) {
      images.push_back(*std::move(image));
    } else {
      account.ignore("image not named cat.<number> or dog.<number>", "images not named cat.<number> or dog.<number>",
                     name);
    }
  }
  account.use(static_cast<int64_t>(images.size()));
  std::ranges::sort(images, {}, [](const NamedImage& i) { return std::tie(i.label, i.number, i.name); });
  check(
      !images.empty() && images.front().label == kCat && images.back().label == kDog,
      "dogs_vs_cats: '{}' contains {} named cat.<number>.jpg or dog.<number>.jpg, expected some of each (train.zip at "
      "https://www.kaggle.com/c/dogs-vs-cats/data){}",
      folder.string(), counted(static_cast<int64_t>(images.size()), "image", "images"),
      account.ignored().empty() ? "" : "; it also contains " + account.ignored());
  auto list = std::make_shared<ImageList>(ImageList{folder, {"cat", "dog"}, {}, {}});
  for (NamedImage& image : images) {
    list->names.push_back(std::move(image.name));
    list->labels.push_back(image.label);
  }
  return list;
}

}  // namespace

DogsVsCatsTransforms dogs_vs_cats_transforms(DogsVsCatsInput input, int size) {
  check(size >= 0, "dogs_vs_cats: an image size of {}, expected at least 0", size);
  const bool as_paper = input == DogsVsCatsInput::paper;
  const int side = size > 0 ? size : as_paper ? 32 : 150;
  const ImageTransform plain{.resize_h = side, .resize_w = side, .mean = kDogsVsCatsMean, .std = kDogsVsCatsStd};
  DogsVsCatsTransforms transforms{plain, plain};
  transforms.training.flip = true;
  if (as_paper) {
    transforms.training.pad = 4;
    transforms.training.crop_h = transforms.training.crop_w = side;
    transforms.training.random_crop = true;
  } else {
    transforms.training.max_rotation = 45;
  }
  return transforms;
}

DogsVsCats load_dogs_vs_cats(const std::filesystem::path& directory, const DogsVsCatsOptions& options) {
  FileAccount account;
  const auto list = list_images(directory, options.threads, account);
  const auto training = std::make_shared<const ImageFileDataset>(list, options.transforms.training);
  const auto evaluation = training->with_transform(options.transforms.evaluation);
  check(training->sample_shape() == evaluation->sample_shape(),
        "dogs_vs_cats: training images have shape {}, but those of validation and test {}", training->sample_shape(),
        evaluation->sample_shape());
  const int64_t all = list->size(), quarter = all / 4, train = all - 2 * quarter;
  check(quarter > 0, "dogs_vs_cats: {} images in '{}' cannot be split into three parts", all, list->root.string());
  const auto order = random_permutation({options.split_seed, Purpose::split, 0, 0}, all);
  DogsVsCats data{make_split(training, order, 0, train), make_split(evaluation, order, train, quarter),
                  make_split(evaluation, order, train + quarter, quarter),
                  options.skip_broken ? find_broken_images(*list, options.threads) : std::vector<BrokenSample>{},
                  std::move(account)};
  data.account.use(-static_cast<int64_t>(data.broken.size()));
  for (const auto& [part, name] :
       {std::pair{&data.train, "training"}, std::pair{&data.validation, "validation"}, std::pair{&data.test, "test"}}) {
    const Split intact = without_broken(*part, data.broken);
    check_classes_left(intact, *part, list->classes, name, data.broken);
    *part = intact;
  }
  return data;
}

}  // namespace cofactor
