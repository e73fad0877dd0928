#include "data/sets/table_samples.h"

#include <algorithm>
#include <array>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "data/checksum.h"
#include "data/files/look_alikes.h"
#include "data/files/npy.h"
#include "data/sets/split_file.h"
#include "engine/error.h"
#include "engine/io/text.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxShownValue = 60;  // bytes of a value in a message

// Data is read more than once, which a pipe does not allow.
void check_regular(const fs::path& file) {
  std::error_code ignored;
  check(!fs::is_other(file, ignored), "'{}' is not a regular file, which is needed since it is read several times",
        printable(file.string()));
}

bool is_npy(const fs::path& file) {
  return lower_case(file.extension().string()) == ".npy";
}

ColumnChoice choice(Need need, const std::string& column) {
  return {.need = need, .column = column};
}

// The columns of samples with labels, without splits and groups.
LabelTableOptions sample_columns(const OwnDataOptions& options) {
  LabelTableOptions table;
  table.header = options.header;
  table.label.column = options.label_column;
  table.path.need = table.text.need = table.split.need = table.group.need = Need::unused;
  if (options.kind == SampleKind::images) table.path = choice(Need::required, options.path_column);
  if (options.kind == SampleKind::text) table.text = choice(Need::required, options.text_column);
  if (options.kind != SampleKind::images) table.id = choice(Need::optional, options.id_column);
  return table;
}

RowPart row_part(SplitPart part) {
  return part == SplitPart::train ? RowPart::train : part == SplitPart::test ? RowPart::test : RowPart::validation;
}

// "column 'label'", or "array" where there is no table.
std::string labels_place(const TableSamples& samples) {
  if (samples.table == nullptr) return "array";
  return fmt::format("column '{}'", printable(*samples.table->column(TableRole::label)));
}

// Throws Error if the labels are of too few classes, or of so many that they are hardly classes.
void check_number_of_classes(const TableSamples& samples) {
  check(!samples.classes.empty() || samples.table == nullptr, "{}: no row has a label: the {} is empty", samples.name,
        labels_place(samples));
  check(std::ssize(samples.classes) <= kMaxOwnClasses,
        "{}: the {} has {} different labels, expected at most {}; are these the labels?{}", samples.name,
        labels_place(samples), in_thousands(std::ssize(samples.classes)), in_thousands(kMaxOwnClasses),
        samples.table == nullptr ? "" : " --label-column names another column");
  std::string hint;
  if (samples.table == nullptr && std::ranges::find(samples.labels, Categories::kMissing) != samples.labels.end())
    hint = "; -1 in an array is a missing label: to have it as a class, use other numbers or a table";
  check(samples.classes.size() >= 2, "{}: the labels are of {}{}, expected two or more{}", samples.name,
        counted(static_cast<int64_t>(samples.classes.size()), "class", "classes"),
        samples.classes.empty() ? "" : ", '" + legible(samples.classes.front(), kMaxShownValue) + "'", hint);
}

std::string row_number(int64_t row) {
  return std::to_string(row + 1);
}

// Sets how samples are named.
void name_samples(TableSamples& samples, const OwnDataOptions& options, FileAccount& account) {
  const auto& table = samples.table;
  if (options.kind == SampleKind::images) {
    samples.sample_name = [table](int64_t row) { return table->value(row, TableRole::path); };
    return;
  }
  if (table == nullptr || !table->column(TableRole::id)) {
    check(options.id_column.empty(), "{}: an array of labels has no column '{}'", samples.name, options.id_column);
    samples.sample_name = row_number;
    return;
  }
  samples.sample_name = [table](int64_t row) { return std::string(trimmed(table->value(row, TableRole::id))); };
  const std::vector<RepeatedRow> repeated = repeated_rows(samples);
  if (repeated.empty()) return;
  const auto [row, first] = repeated.front();
  const std::string finding = fmt::format("{}: the id '{}' is also on line {}", samples.place(row),
                                          legible(samples.sample_name(row), kMaxShownValue), table->line(first));
  check(options.id_column.empty(), "{}; ids name one sample each", finding);
  account.note(fmt::format("{}, so {} are known by the numbers of their rows", finding, nouns_of(options.kind)));
  samples.sample_name = row_number;
}

// The labels of an array, as a table's labels would be.
void read_array_labels(TableSamples& samples, const fs::path& file) {
  const NpyArray array(file);
  samples.name = array.name();
  check(array.shape().size() == 1, "{}: labels of shape {}, expected (N)", array.name(), array.shape_text());
  check(!is_floating(array.type()),
        "{}: labels of type {}, expected whole numbers; save y.astype('int64'), with "
        "-1 where a label is missing",
        array.name(), name_of(array.type()));
  check(array.elements() > 0, "{}: the array is empty", array.name());
  const std::vector<int64_t> values = array.whole_numbers();
  std::vector<int64_t> distinct = values;
  std::ranges::sort(distinct);
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  check(distinct.front() >= Categories::kMissing,
        "{}, element {}: the label {}; labels are whole numbers from 0, and -1 is a missing label", array.name(),
        std::ranges::find(values, distinct.front()) - values.begin(), distinct.front());
  if (distinct.front() < 0) distinct.erase(distinct.begin());
  for (const int64_t label : distinct) samples.classes.push_back(std::to_string(label));
  samples.labels.reserve(values.size());
  for (const int64_t value : values) {
    const auto place = std::ranges::lower_bound(distinct, value) - distinct.begin();
    samples.labels.push_back(value < 0 ? Categories::kMissing : static_cast<int32_t>(place));
  }
}

void read_table_labels(TableSamples& samples, const fs::path& file, const LabelTableOptions& options) {
  check(!is_npy(file), "'{}' is an array; labels of images and texts are read from a table: CSV, TSV or JSON Lines",
        printable(file.string()));
  samples.table = std::make_shared<const LabelTable>(LabelTable::open(file, options));
  samples.name = samples.table->name();
  samples.classes = samples.table->categories(TableRole::label).names;
  samples.labels = samples.table->categories(TableRole::label).values;
}

// The part of each split's name; nothing where a name is none.
std::vector<std::optional<SplitPart>> named_parts(const Categories& splits) {
  std::vector<std::optional<SplitPart>> parts;
  for (const std::string& name : splits.names) parts.push_back(split_part_named(name));
  return parts;
}

RowPart part_of_row(const LabelTable& table, const std::vector<std::optional<SplitPart>>& parts, int64_t row) {
  const Categories& splits = table.categories(TableRole::split);
  const int32_t value = splits.values[static_cast<size_t>(row)];
  if (value == Categories::kMissing) return RowPart::none;
  const auto& part = parts[static_cast<size_t>(value)];
  if (!part)
    fail("{}, line {}: the split '{}' is not one of train, validation (val, valid) and test", table.name(),
         table.line(row), legible(splits.names[static_cast<size_t>(value)], kMaxShownValue));
  return row_part(*part);
}

void take_split_column(TableSamples& samples, bool asked, FileAccount& account) {
  const LabelTable& table = *samples.table;
  if (!table.column(TableRole::split)) return;
  const auto parts = named_parts(table.categories(TableRole::split));
  if (!asked && std::ranges::none_of(parts, [](const auto& part) { return part.has_value(); })) {
    if (!parts.empty())
      account.note(
          fmt::format("{}: the column '{}' is not used as the split: none of its values is train, validation "
                      "or test",
                      table.name(), printable(*table.column(TableRole::split))));
    return;
  }
  for (int64_t row = 0; row < table.rows(); ++row)
    samples.wanted[static_cast<size_t>(row)] = part_of_row(table, parts, row);
}

LabelTable open_split_file(const fs::path& file) {
  check_regular(file);
  constexpr std::array<const char*, 3> kNameColumns = {"id", "file", "path"};
  const auto column = std::ranges::find_if(kNameColumns, [&](const char* name) { return names_column(file, name); });
  check(column != kNameColumns.end(), "--split '{}': there is no column 'id' or 'file' with the samples' names",
        printable(file.string()));
  LabelTableOptions columns;
  columns.header = true;
  columns.path.need = columns.label.need = columns.group.need = Need::unused;
  columns.split = choice(Need::required, "split");
  columns.id = choice(Need::required, *column);
  return LabelTable::open(file, columns);
}

// Rows that the file does not name get the part none in samples.parts, too.
void take_split_file(TableSamples& samples, const fs::path& file, FileAccount& account) {
  const LabelTable table = open_split_file(file);
  const auto parts = named_parts(table.categories(TableRole::split));
  std::unordered_map<uint64_t, int64_t> rows_of_names;  // by the names' checksums, which take less memory
  for (int64_t row = 0; row < table.rows(); ++row) {
    const std::string name = key_of(samples.kind, table.value(row, TableRole::id));
    const auto [first, added] = rows_of_names.try_emplace(checksum_of(name), row);
    if (!added)
      fail("{}, line {}: '{}' is also on line {}", table.name(), table.line(row), printable(name),
           table.line(first->second));
  }
  std::vector<bool> found(static_cast<size_t>(table.rows()));
  int64_t unnamed = 0;
  std::string example;
  for (int64_t row = 0; row < samples.rows(); ++row) {
    const auto place = static_cast<size_t>(row);
    const auto named = rows_of_names.find(checksum_of(key_of(samples, row)));
    if (named != rows_of_names.end()) {
      found[static_cast<size_t>(named->second)] = true;
      samples.wanted[place] = part_of_row(table, parts, named->second);
      if (samples.wanted[place] == RowPart::none) samples.wanted[place] = RowPart::train;
    } else if (samples.labels[place] != Categories::kMissing) {
      samples.parts[place] = RowPart::none;
      if (unnamed++ == 0) example = samples.sample_name(row);
    }
  }
  const auto unknown = std::ranges::find(found, false);
  if (unknown != found.end()) {
    const int64_t row = unknown - found.begin();
    fail("{}, line {}: {} has no sample '{}'", table.name(), table.line(row), samples.name,
         printable(table.value(row, TableRole::id)));
  }
  account.ignore(fmt::format("{} that the split file does not name", noun_of(samples.kind)),
                 fmt::format("{} that the split file does not name", nouns_of(samples.kind)), example, unnamed);
}

// Whether options.split names a column of the table, rather than a file.
bool split_is_column(const OwnDataOptions& options) {
  if (is_npy(options.labels)) return false;
  if (names_column(options.labels, options.split)) return true;
  std::error_code ignored;
  if (fs::exists(options.split, ignored)) return false;
  const bool number = options.split.find_first_not_of("0123456789") == std::string::npos;
  check(number, "--split '{}': '{}' has no such column, and there is no such file", printable(options.split),
        printable(options.labels.string()));
  return true;
}

LabelTableOptions all_columns(const OwnDataOptions& options, bool split_column) {
  LabelTableOptions table = sample_columns(options);
  table.group.column = options.group_column;
  if (split_column) table.split = choice(Need::optional, options.split);
  return table;
}

void take_parts(TableSamples& samples) {
  for (size_t i = 0; i < samples.parts.size(); ++i) {
    const RowPart wanted = samples.wanted[i];
    if (samples.labels[i] == Categories::kMissing) {
      samples.parts[i] = RowPart::unlabelled;
    } else if (wanted != RowPart::none) {
      samples.parts[i] = wanted;
      samples.split_validation = samples.split_validation || wanted == RowPart::validation;
      samples.split_test = samples.split_test || wanted == RowPart::test;
    }
  }
}

void take_groups(TableSamples& samples) {
  if (samples.table == nullptr || !samples.table->column(TableRole::group)) return;
  const Categories& groups = samples.table->categories(TableRole::group);
  auto next = static_cast<int32_t>(groups.names.size());
  samples.groups = groups.values;
  for (int32_t& group : samples.groups)
    if (group == Categories::kMissing) group = next++;
}

}  // namespace

std::string_view noun_of(SampleKind kind) {
  return kind == SampleKind::images ? "image" : kind == SampleKind::text ? "text" : "row";
}

std::string_view nouns_of(SampleKind kind) {
  return kind == SampleKind::images ? "images" : kind == SampleKind::text ? "texts" : "rows";
}

std::string key_of(SampleKind kind, std::string_view name) {
  const std::string_view key = trimmed(name);
  return kind == SampleKind::images ? fs::path(key).lexically_normal().string() : std::string(key);
}

std::string key_of(const TableSamples& samples, int64_t row) {
  return key_of(samples.kind, samples.sample_name(row));
}

std::vector<RepeatedRow> repeated_rows(const TableSamples& samples) {
  std::vector<std::pair<uint64_t, int64_t>> keys;  // checksums take less memory than names
  keys.reserve(samples.labels.size());
  for (int64_t row = 0; row < samples.rows(); ++row) keys.emplace_back(checksum_of(key_of(samples, row)), row);
  std::ranges::sort(keys);
  std::vector<RepeatedRow> repeated;
  int64_t first = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (i == 0 || keys[i - 1].first != keys[i].first) {
      first = keys[i].second;
    } else {
      repeated.push_back({keys[i].second, first});
    }
  }
  std::ranges::sort(repeated, {}, &RepeatedRow::row);
  return repeated;
}

std::string TableSamples::place(int64_t row) const {
  return table != nullptr ? fmt::format("{}, line {}", name, table->line(row))
                          : fmt::format("{}, element {}", name, row);
}

std::vector<int32_t> TableSamples::labels_or_zero() const {
  std::vector<int32_t> all = labels;
  for (int32_t& label : all) label = std::max(label, 0);
  return all;
}

std::vector<std::string> read_table_classes(const OwnDataOptions& options) {
  check_regular(options.labels);
  TableSamples samples;
  if (options.kind == SampleKind::features && is_npy(options.labels)) {
    read_array_labels(samples, options.labels);
  } else {
    read_table_labels(samples, options.labels, all_columns(options, options.split.empty() || split_is_column(options)));
  }
  check_number_of_classes(samples);
  return samples.classes;
}

TableSamples read_table_samples(const OwnDataOptions& options, FileAccount& account) {
  check_regular(options.labels);
  const bool column = options.split.empty() || split_is_column(options);
  TableSamples samples;
  samples.kind = options.kind;
  if (options.kind == SampleKind::features && is_npy(options.labels)) {
    check(options.group_column.empty(), "'{}': an array of labels has no column '{}' for groups",
          printable(options.labels.string()), printable(options.group_column));
    read_array_labels(samples, options.labels);
  } else {
    read_table_labels(samples, options.labels, all_columns(options, column));
  }
  check_number_of_classes(samples);
  for (std::string& warning : find_look_alikes(samples.classes)) account.note(std::move(warning));
  name_samples(samples, options, account);
  samples.parts.assign(samples.labels.size(), RowPart::train);
  samples.wanted.assign(samples.labels.size(), RowPart::none);
  if (!column) {
    take_split_file(samples, options.split, account);
  } else if (samples.table != nullptr) {
    take_split_column(samples, !options.split.empty(), account);
  }
  take_parts(samples);
  take_groups(samples);
  return samples;
}

TableSamples read_test_table(const OwnDataOptions& options, const std::vector<std::string>& classes,
                             FileAccount& account) {
  check_regular(options.test);
  TableSamples samples;
  samples.kind = options.kind;
  read_table_labels(samples, options.test, sample_columns(options));
  name_samples(samples, options, account);
  std::vector<int32_t> places;
  for (size_t c = 0; c < samples.classes.size(); ++c) {
    const auto found = std::ranges::find(classes, samples.classes[c]);
    if (found == classes.end()) {
      const auto row = std::ranges::find(samples.labels, static_cast<int32_t>(c)) - samples.labels.begin();
      fail("{}: the label '{}' is not one of the {} classes of '{}'{}", samples.place(row),
           legible(samples.classes[c], kMaxShownValue), classes.size(), printable(options.labels.string()),
           look_alike_hint({samples.classes[c]}, classes));
    }
    places.push_back(static_cast<int32_t>(found - classes.begin()));
  }
  samples.classes = classes;
  int64_t missing = 0;
  for (int32_t& label : samples.labels) {
    samples.parts.push_back(label == Categories::kMissing ? RowPart::none : RowPart::test);
    missing += label == Categories::kMissing ? 1 : 0;
    label = label == Categories::kMissing ? label : places[static_cast<size_t>(label)];
  }
  check(missing < samples.rows(), "{}: none of its {} has a label", samples.name,
        counted(samples.rows(), "row", "rows"));
  if (missing > 0)
    account.note(fmt::format("{}: {} no label and {} left out", samples.name, counted(missing, "row has", "rows have"),
                             missing == 1 ? "is" : "are"));
  return samples;
}

}  // namespace cofactor
