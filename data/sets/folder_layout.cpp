#include "data/sets/folder_layout.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "data/files/look_alikes.h"
#include "engine/error.h"
#include "engine/io/text.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

constexpr std::array<std::string_view, 3> kValidationNames = {"val", "valid", "validation"};
constexpr std::array<std::string_view, 1> kTestNames = {"test"};
constexpr std::array<std::string_view, 8> kPartNames = {"train",      "training", "val",     "valid",
                                                        "validation", "test",     "testing", "eval"};
constexpr size_t kMaxListed = 12;  // names in a message

template <size_t count>
bool is_one_of(std::string_view name, const std::array<std::string_view, count>& names) {
  return std::ranges::find(names, lower_case(name)) != names.end();
}

std::string names_of(const std::vector<std::string>& names) {
  std::vector<std::string> shown;
  for (size_t i = 0; i < std::min(names.size(), kMaxListed); ++i) shown.push_back(printable(names[i]));
  if (names.size() > kMaxListed) shown.push_back(fmt::format("{} more", names.size() - kMaxListed));
  return fmt::format("{}", fmt::join(shown, ", "));
}

std::vector<std::string> visible_folders(const std::filesystem::path& folder) {
  std::vector<std::string> names = entries_of(folder).folders;
  std::erase_if(names, [](const std::string& name) { return is_system_name(name); });
  return names;
}

bool holds_name(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

// Throws Error if the apparent classes are the parts of a data set, each of which contains the classes.
void check_no_parts(const ImageSearch& images, const std::vector<std::string>& classes) {
  std::vector<std::string> parts, below;
  for (const std::string& name : classes) {
    if (!is_one_of(name, kPartNames)) continue;
    std::vector<std::string> folders = visible_folders(images.base / name);
    if (folders.empty() || (!parts.empty() && folders != below)) continue;
    below = std::move(folders);
    parts.push_back(name);
  }
  check(parts.size() < 2,
        "images: the folders {} in '{}' look like the parts of a data set, not like classes: each contains the folders "
        "{}; name them train, val and test, or give one to --data and one to --test",
        names_of(parts), images.base.string(), names_of(below));
}

// Decides which of the folders beside the classes are for validation and test.
class PartFinder {
 public:
  PartFinder(const ImageSearch& images, FolderLayout& layout) : images_(images), layout_(layout) {}

  // Whether the folder is for that part, "validation" or "test". Adds a note if it is not.
  bool is_part(const std::string& name, const char* part) {
    const ClassFolders found = find_class_folders({.images = images_, .folder = name, .no_classes = {}});
    if (found.classes == layout_.classes) return true;
    const bool none = std::ranges::none_of(
        found.classes, [&](const std::string& folder) { return holds_name(layout_.classes, folder); });
    const std::string hint = look_alike_hint(found.classes, layout_.classes);
    check(
        none,
        "images: the folder '{}' is for {} by its name, but its classes are {}, and those for training are {}{}; make "
        "them the same, or rename the folder",
        (images_.base / name).string(), part, names_of(found.classes), names_of(layout_.classes), hint);
    FileAccount files;
    const std::vector<std::string> without_class = find_images(images_, name, files);
    const auto count = static_cast<int64_t>(without_class.size());
    layout_.account.add(files);
    layout_.account.ignore("image without a class", "images without a class",
                           without_class.empty() ? name : without_class.front(), count);
    layout_.account.note(fmt::format(
        "{}/ is not used for {}: {}{}, so its {} no labels", printable(name), part,
        found.classes.empty() ? "it contains no class folders"
                              : fmt::format("its folders ({}) are not those of the classes", names_of(found.classes)),
        hint, count == 1 ? "image has" : "images have"));
    return false;
  }

 private:
  const ImageSearch& images_;
  FolderLayout& layout_;
};

void set_part(std::string& part, const std::string& name, const ImageSearch& images) {
  check(part.empty(),
        "images: '{}' and '{}' in '{}' are for the same part of the data set; remove or rename one of them", part, name,
        images.base.string());
  part = name;
}

// The folder named "train", in any case, that contains folders; empty if there is none.
std::string find_train(const ImageSearch& images, const std::vector<std::string>& folders) {
  constexpr std::array<std::string_view, 1> kTrainNames = {"train"};
  if (holds_name(folders, "train") && !visible_folders(images.base / "train").empty()) return "train";
  for (const std::string& name : folders)
    if (is_one_of(name, kTrainNames) && !visible_folders(images.base / name).empty()) return name;
  return {};
}

// The parts among folders that are otherwise classes: "test" or "val" is a part if it contains a folder of the same
// name as one beside it.
std::vector<std::string> parts_beside_classes(const ImageSearch& images, const std::vector<std::string>& folders) {
  std::vector<std::string> parts;
  for (const std::string& name : folders) {
    if (!is_one_of(name, kTestNames) && !is_one_of(name, kValidationNames)) continue;
    const std::vector<std::string> below = visible_folders(images.base / name);
    if (std::ranges::any_of(below, [&](const std::string& folder) { return holds_name(folders, folder); }))
      parts.push_back(name);
  }
  return parts;
}

void check_two_classes(const ImageSearch& images, const FolderLayout& layout) {
  if (layout.classes.size() >= 2) return;
  const std::filesystem::path root = layout.train.empty() ? images.base : images.base / layout.train;
  std::string inside;
  if (layout.classes.size() == 1) {
    const std::vector<std::string> below = visible_folders(root / layout.classes.front());
    if (below.size() >= 2)
      inside = fmt::format("; its folder '{}' contains {}: if these are the classes, give that folder to --data",
                           printable(layout.classes.front()), names_of(below));
  }
  fail("images: '{}' contains {}{}, expected one for each of two or more classes{}", root.string(),
       counted(static_cast<int64_t>(layout.classes.size()), "folder", "folders"),
       layout.classes.empty() ? "" : " (" + names_of(layout.classes) + ")", inside);
}

}  // namespace

FolderLayout find_layout(const ImageSearch& images) {
  FolderLayout layout;
  const std::vector<std::string> folders = visible_folders(images.base);
  layout.train = find_train(images, folders);
  std::vector<std::string> beside = folders;
  if (layout.train.empty()) beside = parts_beside_classes(images, folders);
  std::erase(beside, layout.train);
  const ClassSearch search{.images = images,
                           .folder = layout.train,
                           .no_classes = layout.train.empty() ? beside : std::vector<std::string>{}};
  layout.classes = find_class_folders(search).classes;
  if (layout.train.empty()) check_no_parts(images, layout.classes);
  check_two_classes(images, layout);
  PartFinder finder(images, layout);
  std::vector<std::string> used = {layout.train};
  for (const std::string& name : beside) {
    if (is_own_output(images.base / name, images.out)) continue;
    if (is_one_of(name, kValidationNames)) {
      if (finder.is_part(name, "validation")) set_part(layout.validation, name, images);
    } else if (is_one_of(name, kTestNames)) {
      if (finder.is_part(name, "test")) set_part(layout.test, name, images);
    } else {
      continue;
    }
    used.push_back(name);
  }
  if (!layout.train.empty()) count_beside(images, used, layout.account);
  return layout;
}

std::filesystem::path test_folder_in(const std::filesystem::path& directory, const std::vector<std::string>& classes) {
  std::vector<std::string> sorted = classes;
  std::ranges::sort(sorted);
  for (const auto& folder : {directory, directory / "test", directory / "train"}) {
    std::error_code ignored;
    if (std::filesystem::is_directory(folder, ignored) && visible_folders(folder) == sorted) return folder;
  }
  return directory;
}

ImageList list_test_images(ImageSearch search, const std::vector<std::string>& classes,
                           const std::filesystem::path& training, FileAccount& account) {
  search.base = test_folder_in(search.base, classes);
  FileAccount own;
  ImageList list = list_class_images({.images = search, .folder = {}, .no_classes = {}}, own);
  std::vector<int32_t> places;
  for (const std::string& name : list.classes)
    places.push_back(static_cast<int32_t>(std::ranges::find(classes, name) - classes.begin()));
  const bool same = list.classes.size() == classes.size() &&
                    std::ranges::all_of(places, [&](int32_t c) { return static_cast<size_t>(c) < classes.size(); });
  check(same, "images: the classes of the test images in '{}' are {}, but those in '{}' are {}{}", search.base.string(),
        fmt::join(list.classes, ", "), training.string(), fmt::join(classes, ", "),
        look_alike_hint(list.classes, classes));
  for (int32_t& label : list.labels) label = places[static_cast<size_t>(label)];
  list.classes = classes;
  account.add(own);
  return list;
}

}  // namespace cofactor
