#include "data/sets/image_folder.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "data/files/look_alikes.h"
#include "data/images/broken_images.h"
#include "data/sets/deal_parts.h"
#include "data/sets/folder_layout.h"
#include "data/sets/split_file.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

namespace fs = std::filesystem;

ClassSearch training_search(const ImageSearch& images, const FolderLayout& layout) {
  return {.images = images, .folder = layout.train, .no_classes = {layout.validation, layout.test}};
}

// Deals the images of each class to the parts.
DealtParts deal_images(const ImageList& list, const DealOptions& options) {
  const auto classes = static_cast<int64_t>(list.classes.size());
  const std::vector<int64_t> sizes = class_sizes(list.labels, classes);
  for (size_t c = 0; c < sizes.size(); ++c) {
    check(sizes[c] >= options.parts(),
          "images: class '{}' in '{}' has {}, expected at least {}, one for each part of the split", list.classes[c],
          list.root.string(), counted(sizes[c], "image", "images"), options.parts());
  }
  return deal_by_class(list.labels, classes, options);
}

Split all_of(const std::shared_ptr<const ImageFileDataset>& images) {
  return make_split(images, 0, images->size());
}

// Assembles an ImageFolder.
class FolderLoader {
 public:
  FolderLoader(const fs::path& directory, const ImageFolderOptions& options)
      : options_(options),
        search_{.base = directory, .out = options.out, .threads = options.threads},
        layout_(find_layout(search_)) {
    folder_.classes = layout_.classes;
    folder_.account = layout_.account;
  }

  ImageFolder load() && {
    for (std::string& warning : find_look_alikes(folder_.classes)) folder_.account.note(std::move(warning));
    if (options_.split.empty()) {
      load_random_split();
    } else {
      load_split_file();
    }
    if (!options_.test.empty()) load_test_folder();
    check(folder_.train.data->sample_shape() == folder_.test.data->sample_shape(),
          "images: training images have shape {}, but those of validation and test {}",
          folder_.train.data->sample_shape(), folder_.test.data->sample_shape());
    return std::move(folder_);
  }

 private:
  // A data set and its broken images.
  struct Source {
    std::shared_ptr<const ImageFileDataset> images;
    std::vector<BrokenSample> broken;
  };

  Source source_of(ImageList list) {
    Source source{std::make_shared<const ImageFileDataset>(std::make_shared<const ImageList>(std::move(list)),
                                                           options_.evaluation),
                  {}};
    if (options_.skip_broken) source.broken = find_broken_images(source.images->list(), options_.threads);
    folder_.broken.insert(folder_.broken.end(), source.broken.begin(), source.broken.end());
    folder_.account.use(-static_cast<int64_t>(source.broken.size()));
    return source;
  }

  Split part_of(const Source& source, const std::vector<int64_t>& samples) const {
    return intact(make_split(source.images, samples), source);
  }

  static Split intact(const Split& split, const Source& source) { return without_broken(split, source.broken); }

  ImageList listed(const std::string& part) {
    return list_class_images({.images = search_, .folder = part, .no_classes = {}}, folder_.account);
  }

  void load_random_split() {
    const bool own_validation = !layout_.validation.empty();
    folder_.clean_test = !options_.test.empty() || !layout_.test.empty();
    const Source source = source_of(training_list());
    const DealtParts split =
        deal_images(source.images->list(),
                    {.validation = !own_validation, .test = !folder_.clean_test, .seed = options_.split_seed});
    set_training(source, split.train);
    if (own_validation) {
      const Source validation = source_of(listed(layout_.validation));
      set_validation(validation, all_places(validation));
      folder_.account.note(fmt::format("{}/ is used for validation, in place of a fifth of the other images",
                                       printable(layout_.validation)));
    } else {
      set_validation(source, split.validation);
    }
    if (!folder_.clean_test) {
      folder_.test = part_of(source, split.test);
    } else if (options_.test.empty()) {
      const Source test = source_of(listed(layout_.test));
      folder_.test = intact(all_of(test.images), test);
      folder_.account.note(fmt::format("{}/ is used for test", printable(layout_.test)));
    } else {
      leave_test_folder_out();
    }
  }

  // With names relative to the folder that contains the classes.
  ImageList training_list() {
    ImageList list = list_class_images(training_search(search_, layout_), folder_.account);
    if (layout_.train.empty()) return list;
    list.root /= layout_.train;
    for (std::string& name : list.names) name.erase(0, layout_.train.size() + 1);
    return list;
  }

  void load_split_file() {
    const SplitFile split = read_split_file(options_.split);
    ImageList all = list_class_images(training_search(search_, layout_), folder_.account);
    const bool elsewhere = !options_.test.empty();
    for (const std::string& part : {layout_.validation, elsewhere ? std::string() : layout_.test}) {
      if (part.empty()) continue;
      all.append(listed(part));
    }
    if (elsewhere) leave_test_folder_out();
    SplitImages images = split_images(all, split, elsewhere ? std::string() : layout_.test, folder_.account);
    check(!elsewhere || images.test.empty(),
          "{}: some of its images are for test, but --test '{}' names the test images; give only one of the two",
          split.name, options_.test.string());
    if (!elsewhere) check_has_test(images, split);
    const std::string prefix = layout_.test + '/';
    folder_.clean_test = elsewhere || (!layout_.test.empty() && std::ranges::all_of(images.test, [&](int64_t i) {
                           return images.list.names[static_cast<size_t>(i)].starts_with(prefix);
                         }));
    const Source source = source_of(std::move(images.list));
    set_training(source, images.train);
    set_validation(source, images.validation);
    if (!elsewhere) folder_.test = part_of(source, images.test);
  }

  void load_test_folder() {
    const ImageSearch search{.base = options_.test, .out = options_.out, .threads = options_.threads};
    const Source test = source_of(list_test_images(search, folder_.classes, search_.base, folder_.account));
    folder_.test = intact(all_of(test.images), test);
  }

  void leave_test_folder_out() {
    if (!layout_.test.empty())
      folder_.account.note(
          fmt::format("{}/ is not used for test, since --test names another folder", printable(layout_.test)));
  }

  void set_training(const Source& source, const std::vector<int64_t>& samples) {
    folder_.images = source.images;
    folder_.train = part_of(source, samples);
    check_classes_left(folder_.train, make_split(source.images, samples), folder_.classes, "training", source.broken);
    folder_.train.data = source.images->with_transform(options_.training);
  }

  void set_validation(const Source& source, const std::vector<int64_t>& samples) {
    folder_.validation_images = source.images;
    folder_.validation = part_of(source, samples);
    check_classes_left(folder_.validation, make_split(source.images, samples), folder_.classes, "validation",
                       source.broken);
  }

  static std::vector<int64_t> all_places(const Source& source) {
    std::vector<int64_t> places(static_cast<size_t>(source.images->size()));
    std::iota(places.begin(), places.end(), int64_t{0});
    return places;
  }

  const ImageFolderOptions& options_;
  ImageSearch search_;
  FolderLayout layout_;
  ImageFolder folder_;
};

}  // namespace

std::vector<std::string> image_folder_classes(const fs::path& directory, const fs::path& out) {
  return find_layout({.base = directory, .out = out}).classes;
}

ImageFolder load_image_folder(const fs::path& directory, const ImageFolderOptions& options) {
  return FolderLoader(directory, options).load();
}

}  // namespace cofactor
