#include "data/sets/split_file.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "data/files/csv.h"
#include "engine/error.h"
#include "engine/io/file.h"
#include "engine/io/text.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

constexpr size_t kMaxColumnsShown = 200;  // bytes of the names of columns in a message

int64_t parse_index(std::string_view text, const SplitFile& split, int64_t line) {
  const std::string_view number = trimmed(text);
  check(!number.empty(), "{}, line {}: the index is missing", split.name, line);
  int64_t index = -1;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), index);
  check(error == std::errc() && end == number.data() + number.size() && index >= 0 && index < kMaxIndices,
        "{}, line {}: the index '{}' is not a whole number in [0, {})", split.name, line, legible(number), kMaxIndices);
  return index;
}

std::string file_of(const std::string& text, const SplitFile& split, int64_t line) {
  check(!text.empty(), "{}, line {}: the file is missing", split.name, line);
  return std::filesystem::path(text).lexically_normal().string();
}

// Throws Error if two rows have the same key.
template <class Key>
void check_distinct(const SplitFile& split, const char* what, const Key& key) {
  std::unordered_map<std::decay_t<decltype(key(split.rows[0]))>, int64_t> seen;
  for (const SplitRow& row : split.rows) {
    const auto [first, added] = seen.try_emplace(key(row), row.line);
    check(added, "{}, line {}: the {} '{}' is also on line {}", split.name, row.line, what,
          printable(fmt::format("{}", key(row))), first->second);
  }
}

// The index of the first of these columns that the table has. Throws Error if it has none of them.
size_t require_column(const CsvTable& table, const std::vector<std::string_view>& names, const SplitFile& split) {
  for (const std::string_view name : names)
    if (const auto found = table.find(name)) return *found;
  std::string columns;
  for (const std::string& name : table.columns) columns += (columns.empty() ? "" : ", ") + name;
  const bool other_separator = table.columns.size() == 1 && columns.find_first_of(";\t") != std::string::npos;
  fail("{}: there is no column '{}', only {}{}", split.name, fmt::join(names, "' or '"),
       legible(columns, kMaxColumnsShown), other_separator ? "; columns must be separated by commas" : "");
}

// The reason why the file of a row is not among the images.
std::string reason_not_found(const ImageList& images, const std::string& file) {
  const std::filesystem::path path = images.root / file;
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path, ignored))
    return fmt::format("'{}' is not a JPEG, PNG or BMP image, or is not in a class folder", printable(file));
  return fmt::format("'{}' does not exist in '{}'; paths must be relative to --data{}", printable(file),
                     images.root.string(), file.find('\\') == std::string::npos ? "" : ", with / between folders");
}

bool is_inside(const std::string& file, const std::string& folder) {
  return !folder.empty() && file.starts_with(folder) && file.size() > folder.size() && file[folder.size()] == '/';
}

// The images of each part, as indices of the unsorted list.
struct Assignment {
  struct Sample {
    int64_t image = 0, index = 0;
    SplitPart part = SplitPart::train;
  };
  std::vector<Sample> listed;
  std::vector<int64_t> unlisted_tests;
};

Assignment assign(const ImageList& images, const SplitFile& split, const std::string& test_folder,
                  FileAccount& account) {
  std::unordered_map<std::string_view, int64_t> places;
  for (int64_t i = 0; i < images.size(); ++i) places.emplace(images.names[static_cast<size_t>(i)], i);
  std::vector<bool> is_listed(images.names.size());
  Assignment assigned;
  for (const SplitRow& row : split.rows) {
    const auto found = places.find(row.file);
    if (found == places.end()) fail("{}, line {}: {}", split.name, row.line, reason_not_found(images, row.file));
    check(!split.by_index || !is_inside(row.file, test_folder),
          "{}, line {}: '{}' is in the test folder, but its index {} is that of an image for training or validation; "
          "remove the row to use the image for test",
          split.name, row.line, printable(row.file), row.index);
    is_listed[static_cast<size_t>(found->second)] = true;
    assigned.listed.push_back({found->second, row.index, row.part});
  }
  int64_t left_out = 0;
  std::string example;
  for (int64_t i = 0; i < images.size(); ++i) {
    const std::string& name = images.names[static_cast<size_t>(i)];
    if (is_listed[static_cast<size_t>(i)]) continue;
    if (is_inside(name, test_folder)) {
      assigned.unlisted_tests.push_back(i);
    } else {
      if (left_out++ == 0) example = name;
    }
  }
  account.use(-left_out);
  account.ignore("image that the split file does not list", "images that the split file does not list", example,
                 left_out);
  return assigned;
}

void check_parts(const SplitImages& found, const SplitFile& split) {
  for (const auto& [name, part] : {std::pair{"training", &found.train}, std::pair{"validation", &found.validation}}) {
    check(!part->empty(), "{}: none of its images is for {}", split.name, name);
    std::vector<int64_t> counts(found.list.classes.size());
    for (const int64_t i : *part) ++counts[static_cast<size_t>(found.list.labels[static_cast<size_t>(i)])];
    const auto absent = static_cast<size_t>(std::ranges::find(counts, 0) - counts.begin());
    check(absent == counts.size(), "{}: none of the images of class '{}' is for {}", split.name,
          absent < counts.size() ? found.list.classes[absent] : "", name);
  }
}

// "--split 'split.csv': 1,000 images for training, 200 for validation, 300 for test (100 of them unlisted, in test/)"
std::string summary_of(const SplitImages& found, const SplitFile& split, int64_t unlisted, const std::string& folder) {
  const auto count = [](const std::vector<int64_t>& part) { return in_thousands(static_cast<int64_t>(part.size())); };
  return fmt::format(
      "{}: {} for training, {} for validation, {} for test{}", split.name,
      counted(static_cast<int64_t>(found.train.size()), "image", "images"), count(found.validation), count(found.test),
      unlisted == 0 ? "" : fmt::format(" ({} of them unlisted, in {}/)", in_thousands(unlisted), folder));
}

}  // namespace

std::optional<SplitPart> split_part_named(std::string_view text) {
  const std::string name = lower_case(trimmed(text));
  if (name == "train") return SplitPart::train;
  if (name == "validation" || name == "val" || name == "valid") return SplitPart::validation;
  if (name == "test") return SplitPart::test;
  return std::nullopt;
}

SplitFile parse_split_file(std::string_view text, const std::string& name) {
  SplitFile split{.name = name, .by_index = false, .rows = {}};
  const CsvTable table = parse_csv(text, name);
  const size_t file = require_column(table, {"file"}, split);
  const size_t deciding = require_column(table, {"split", "index"}, split);
  split.by_index = !table.find("split");
  check(table.rows() > 0, "{}: there are no rows after the header row", name);
  for (int64_t r = 0; r < table.rows(); ++r) {
    const int64_t line = table.lines[static_cast<size_t>(r)];
    const std::string& value = table.at(r, deciding);
    SplitRow row{.file = file_of(table.at(r, file), split, line), .part = {}, .index = 0, .line = line};
    if (split.by_index) {
      row.index = parse_index(value, split, line);
      row.part = row.index < kFirstValidationIndex ? SplitPart::train : SplitPart::validation;
    } else {
      const auto named = split_part_named(value);
      check(named.has_value(), "{}, line {}: the split '{}' is not one of train, validation (val, valid) and test",
            name, line, legible(value));
      row.part = *named;
    }
    split.rows.push_back(std::move(row));
  }
  check_distinct(split, "file", [](const SplitRow& row) { return row.file; });
  if (split.by_index) check_distinct(split, "index", [](const SplitRow& row) { return row.index; });
  return split;
}

SplitFile read_split_file(const std::filesystem::path& file) {
  return parse_split_file(read_file(file), fmt::format("--split '{}'", file.string()));
}

SplitImages split_images(const ImageList& images, const SplitFile& split, const std::string& test_folder,
                         FileAccount& account) {
  Assignment assigned = assign(images, split, test_folder, account);
  if (split.by_index) {
    std::ranges::sort(assigned.listed, {}, &Assignment::Sample::index);
  } else {
    std::ranges::sort(assigned.listed, {}, &Assignment::Sample::image);
  }
  SplitImages found{.list = {.root = images.root, .classes = images.classes, .names = {}, .labels = {}},
                    .train = {},
                    .validation = {},
                    .test = {}};
  const auto take = [&](int64_t image, std::vector<int64_t>& part) {
    part.push_back(found.list.size());
    found.list.names.push_back(images.names[static_cast<size_t>(image)]);
    found.list.labels.push_back(images.labels[static_cast<size_t>(image)]);
  };
  for (const Assignment::Sample& sample : assigned.listed) {
    take(sample.image, sample.part == SplitPart::train        ? found.train
                       : sample.part == SplitPart::validation ? found.validation
                                                              : found.test);
  }
  for (const int64_t image : assigned.unlisted_tests) take(image, found.test);
  check_parts(found, split);
  account.note(summary_of(found, split, static_cast<int64_t>(assigned.unlisted_tests.size()), test_folder));
  return found;
}

void check_has_test(const SplitImages& images, const SplitFile& split) {
  check(!images.test.empty(),
        "{}: none of its images is for test, and there are no others in a test folder; give some rows the split test",
        split.name);
}

}  // namespace cofactor
