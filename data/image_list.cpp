#include "data/image_list.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <system_error>
#include <utility>

#include "engine/error.h"
#include "engine/io/file.h"

namespace cofactor {

namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// "path label"; the path may hold blanks itself. `file` and `line_number` are for errors.
std::pair<std::string_view, int32_t> parse_line(std::string_view line, size_t classes, const std::string& file,
                                                int64_t line_number) {
  const std::string_view text = trimmed(line);
  check(!text.empty(), "images: '{}', line {}: blank, where a path and a label are expected", file, line_number);
  const size_t blank = text.find_last_of(kBlanks);
  check(blank != std::string_view::npos, "images: '{}', line {}: '{}' is not a path and a label", file, line_number,
        text);
  const std::string_view number = text.substr(blank + 1);
  int32_t label = -1;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), label);
  check(error == std::errc() && end == number.data() + number.size(),
        "images: '{}', line {}: the label '{}' is no whole number", file, line_number, number);
  check(label >= 0 && static_cast<size_t>(label) < classes, "images: '{}', line {}: label {} does not lie in [0, {})",
        file, line_number, label, classes);
  return {trimmed(text.substr(0, blank)), label};
}

}  // namespace

bool has_image_extension(const std::filesystem::path& name) {
  constexpr std::array<std::string_view, 4> kExtensions = {".jpg", ".jpeg", ".png", ".bmp"};
  std::string extension = name.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  return std::ranges::find(kExtensions, extension) != kExtensions.end();
}

std::vector<std::string> sorted_entries(const std::filesystem::path& folder, EntryKind kind) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code ignored;  // an entry that is there but cannot be looked at is a file: opening it says why
    if (!name.starts_with('.') && entry->is_directory(ignored) == (kind == EntryKind::folder)) names.push_back(name);
  }
  check(!error, "images: the folder '{}' cannot be read: {}", folder.string(), error.message());
  std::ranges::sort(names);
  return names;
}

ImageList list_class_folders(const std::filesystem::path& root) {
  ImageList list{.root = root, .classes = sorted_entries(root, EntryKind::folder), .names = {}, .labels = {}};
  check(!list.classes.empty(), "images: '{}' holds no folder; a folder for each class is expected, with its images",
        root.string());
  for (size_t c = 0; c < list.classes.size(); ++c) {
    const size_t before = list.names.size();
    for (const std::string& name : sorted_entries(root / list.classes[c], EntryKind::file))
      if (has_image_extension(name)) list.names.push_back(list.classes[c] + '/' + name);
    check(list.names.size() > before, "images: the folder '{}' of a class holds no .jpg, .jpeg, .png or .bmp image",
          (root / list.classes[c]).string());
    list.labels.resize(list.names.size(), static_cast<int32_t>(c));
  }
  return list;
}

ImageList read_image_list(const std::filesystem::path& file, const std::filesystem::path& root,
                          std::vector<std::string> classes) {
  const std::string bytes = read_file(file);
  check(!bytes.empty(), "images: '{}' is empty: a path and a label a line are expected", file.string());
  ImageList list{.root = root, .classes = std::move(classes), .names = {}, .labels = {}};
  const std::string file_name = file.string();
  std::string_view rest = bytes;
  for (int64_t line = 1; !rest.empty(); ++line) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const auto [name, label] = parse_line(rest.substr(0, end), list.classes.size(), file_name, line);
    list.names.emplace_back(name);
    list.labels.push_back(label);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return list;
}

}  // namespace cofactor
