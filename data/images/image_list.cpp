#include "data/images/image_list.h"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "engine/error.h"
#include "engine/io/file.h"
#include "engine/io/text.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

// Parses "path label"; the path may contain spaces. `file` and `line_number` are for messages.
std::pair<std::string_view, int32_t> parse_line(std::string_view line, size_t classes, const std::string& file,
                                                int64_t line_number) {
  const std::string_view text = trimmed(line);
  check(!text.empty(), "images: '{}', line {}: a blank line, expected a path and a label", file, line_number);
  const size_t blank = text.find_last_of(" \t");
  check(blank != std::string_view::npos, "images: '{}', line {}: '{}', expected a path and a label", file, line_number,
        legible(text));
  const std::string_view number = text.substr(blank + 1);
  int32_t label = -1;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), label);
  check(error == std::errc() && end == number.data() + number.size(),
        "images: '{}', line {}: the label '{}' is not a whole number", file, line_number, legible(number));
  check(label >= 0 && static_cast<size_t>(label) < classes, "images: '{}', line {}: label {} does not lie in [0, {})",
        file, line_number, label, classes);
  return {trimmed(text.substr(0, blank)), label};
}

// Without a slash at the end, which would appear in messages.
std::filesystem::path root_of(const ClassSearch& search) {
  return search.folder.empty() ? search.images.base : search.images.base / search.folder;
}

// Results go to "runs" by default. A run that was stopped early leaves it without any results to recognise it by.
bool is_default_output(const std::filesystem::path& folder) {
  if (folder.filename() != "runs") return false;
  const FolderEntries entries = entries_of(folder);
  return std::ranges::none_of(entries.files, [](const std::string& name) { return has_image_extension(name); });
}

}  // namespace

void ImageList::append(const ImageList& other) {
  names.insert(names.end(), other.names.begin(), other.names.end());
  labels.insert(labels.end(), other.labels.begin(), other.labels.end());
}

ClassFolders find_class_folders(const ClassSearch& search) {
  const std::filesystem::path root = root_of(search);
  const std::string prefix = search.folder.empty() ? "" : search.folder + '/';
  const FolderEntries entries = entries_of(root);
  ClassFolders found;
  for (const std::string& name : entries.folders) {
    if (std::ranges::find(search.no_classes, name) != search.no_classes.end()) continue;
    if (ignore_unused_folder(search.images, prefix + name, found.account)) continue;
    if (is_default_output(root / name)) {
      found.account.ignore("folder of results", "folders of results", prefix + name);
    } else {
      check(is_utf8(name),
            "images: the name of the class folder '{}' in '{}' is not UTF-8; rename it (convmv -f latin1 -t utf8 "
            "--notest renames whole folders)",
            printable(name), root.string());
      found.classes.push_back(name);
    }
  }
  for (const std::string& name : entries.files) {
    if (!ignore_system_file(prefix + name, found.account))
      found.account.ignore("file outside the class folders", "files outside the class folders", prefix + name);
  }
  return found;
}

ImageList list_class_images(const ClassSearch& search, FileAccount& account) {
  const std::filesystem::path root = root_of(search);
  ClassFolders found = find_class_folders(search);
  check(!found.classes.empty(), "images: '{}' contains no folders, expected one folder of images per class",
        root.string());
  account.add(found.account);
  ImageList list{.root = search.images.base, .classes = std::move(found.classes), .names = {}, .labels = {}};
  for (size_t c = 0; c < list.classes.size(); ++c) {
    const std::string folder = search.folder.empty() ? list.classes[c] : search.folder + '/' + list.classes[c];
    FileAccount others;
    const std::vector<std::string> images = find_images(search.images, folder, others);
    check(!images.empty(),
          "images: the class folder '{}' contains no JPEG, PNG or BMP images{}; add some, or remove the folder",
          (root / list.classes[c]).string(), others.ignored().empty() ? "" : ", only " + others.ignored());
    account.add(others);
    list.names.insert(list.names.end(), images.begin(), images.end());
    list.labels.resize(list.names.size(), static_cast<int32_t>(c));
  }
  account.use(list.size());
  return list;
}

ImageList list_class_folders(const std::filesystem::path& root) {
  FileAccount account;
  return list_class_images({.images = {.base = root}}, account);
}

ImageList read_image_list(const std::filesystem::path& file, const std::filesystem::path& root,
                          std::vector<std::string> classes) {
  const std::string bytes = read_file(file);
  check(!bytes.empty(), "images: '{}' is empty, expected a path and a label on each line", file.string());
  ImageList list{.root = root, .classes = std::move(classes), .names = {}, .labels = {}};
  const std::string file_name = file.string();
  std::string_view rest = bytes;
  for (int64_t line = 1; !rest.empty(); ++line) {
    const auto [name, label] = parse_line(take_line(rest), list.classes.size(), file_name, line);
    list.names.emplace_back(name);
    list.labels.push_back(label);
  }
  return list;
}

}  // namespace cofactor
