#include "data/files/label_table.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "engine/error.h"
#include "engine/io/text.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

constexpr std::array kRoles = {TableRole::path,  TableRole::text,  TableRole::label,
                               TableRole::split, TableRole::group, TableRole::id};
constexpr std::array kCategoryRoles = {TableRole::label, TableRole::split, TableRole::group};
constexpr int kKeysFrom = 100;             // objects of JSON Lines whose keys are the table's columns
constexpr size_t kMaxColumnsListed = 600;  // bytes of the names of columns in a message

size_t role_index(TableRole role) {
  return static_cast<size_t>(role);
}

std::string_view noun(TableRole role) {
  constexpr std::array<std::string_view, kTableRoles> kNouns = {"paths", "texts", "labels", "splits", "groups", "ids"};
  return kNouns.at(role_index(role));
}

// The flag of the programs that names the column.
std::string_view flag_of(TableRole role) {
  constexpr std::array<std::string_view, kTableRoles> kFlags = {"--path-column", "--text-column",  "--label-column",
                                                                "--split",       "--group-column", "--id-column"};
  return kFlags.at(role_index(role));
}

// The text as a number, if it is whole: digits after a minus or none, and zeros behind a point or none.
std::optional<double> whole_number_in(std::string_view text) {
  const size_t digits = text.starts_with('-') ? 1 : 0;
  const size_t end = std::min(text.find_first_not_of("0123456789", digits), text.size());
  const std::string_view rest = text.substr(end);
  const bool zeros = rest.empty() || (rest.starts_with(".0") && rest.find_first_not_of('0', 1) == std::string::npos);
  if (end == digits || !zeros) return std::nullopt;
  double number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return number;
}

// The order of the names, as indices.
std::vector<int32_t> sorted_order(const std::vector<std::string>& names) {
  std::vector<int32_t> order(names.size());
  std::iota(order.begin(), order.end(), 0);
  std::vector<double> numbers;
  for (const std::string& name : names) {
    const auto number = whole_number_in(name);
    if (!number) break;
    numbers.push_back(*number);
  }
  const bool by_number = numbers.size() == names.size();
  std::ranges::sort(order, [&](int32_t a, int32_t b) {
    const auto i = static_cast<size_t>(a), j = static_cast<size_t>(b);
    if (by_number && numbers[i] != numbers[j]) return numbers[i] < numbers[j];
    return names[i] < names[j];
  });
  return order;
}

}  // namespace

// Gives each distinct value a number, in the order in which they come.
class LabelTable::Interner {
 public:
  void add(std::string_view text) {
    const std::string_view value = trimmed(text);
    values_.push_back(value.empty() ? Categories::kMissing : index_of(value));
  }

  // Whether the first value is no whole number, and all others are, of which there is one.
  bool begins_with_name() const {
    if (values_.empty() || values_[0] < 0 || whole_number_in(names_[0]) || names_.size() < 2) return false;
    return std::all_of(names_.begin() + 1, names_.end(),
                       [](const auto& n) { return whole_number_in(n).has_value(); }) &&
           std::find(values_.begin() + 1, values_.end(), values_[0]) == values_.end();
  }

  void remove_first() {
    const int32_t first = values_[0];
    values_.erase(values_.begin());
    if (first < 0 || std::ranges::find(values_, first) != values_.end()) return;
    names_.erase(names_.begin());
    for (int32_t& value : values_) value -= value >= 0 ? 1 : 0;
  }

  Categories sorted() && {
    const std::vector<int32_t> order = sorted_order(names_);
    std::vector<int32_t> rank(order.size());
    Categories categories;
    for (const int32_t index : order) {
      rank[static_cast<size_t>(index)] = static_cast<int32_t>(categories.names.size());
      categories.names.push_back(std::move(names_[static_cast<size_t>(index)]));
    }
    for (int32_t& value : values_) value = value < 0 ? value : rank[static_cast<size_t>(value)];
    values_.shrink_to_fit();
    categories.values = std::move(values_);
    return categories;
  }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  int32_t index_of(std::string_view value) {
    if (last_ >= 0 && names_[static_cast<size_t>(last_)] == value) return last_;
    const auto found = numbers_.find(value);
    if (found != numbers_.end()) return last_ = found->second;
    last_ = static_cast<int32_t>(names_.size());
    names_.emplace_back(value);
    numbers_.emplace(value, last_);
    return last_;
  }

  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> numbers_;
  std::vector<std::string> names_;
  std::vector<int32_t> values_;
  int32_t last_ = -1;
};

std::vector<std::string_view> usual_columns(TableRole role) {
  switch (role) {
    case TableRole::path: return {"path", "file", "filename", "file_name", "filepath", "image", "image_path", "img"};
    case TableRole::text: return {"text", "sentence", "review", "content"};
    case TableRole::label: return {"label", "class", "given_label", "labels", "target", "category"};
    case TableRole::split: return {"split", "part", "subset"};
    case TableRole::group: return {"group", "group_id"};
    case TableRole::id: return {"id"};
  }
  return {};
}

LabelTable LabelTable::open(const std::filesystem::path& file, const LabelTableOptions& options) {
  auto mapped = std::make_shared<const MappedFile>(file);
  LabelTable table(mapped->bytes(), fmt::format("'{}'", printable(file.string())), file.string(), options);
  table.file_ = std::move(mapped);
  return table;
}

LabelTable LabelTable::parse(std::string_view text, const std::string& name, const LabelTableOptions& options) {
  return {text, name, name, options};
}

LabelTable::LabelTable(std::string_view text, std::string name, std::string_view file_name,
                       const LabelTableOptions& options)
    : text_(without_csv_mark(text, name)),
      name_(std::move(name)),
      kind_(options.kind ? *options.kind : table_kind(file_name, text_)) {
  check(!text_.empty(), "{}: the file is empty", name_);
  const Choices choices = {&options.path, &options.text, &options.label, &options.split, &options.group, &options.id};
  if (kind_ == TableKind::jsonl) {
    find_keys(choices);
  } else {
    TableRows rows(text_, name_, kind_);
    check(rows.next(), "{}: the table has no rows", name_);
    find_columns(rows.fields(), rows.line(), options.header, choices);
  }
  read_rows(options.header);
}

void LabelTable::find_keys(const Choices& choices) {
  TableRows rows(text_, name_, kind_);
  for (int i = 0; i < kKeysFrom && rows.next(); ++i) {
    for (const auto& [key, value] : rows.object().items()) {
      if (std::ranges::find(columns_, key) == columns_.end() && columns_.size() < kMaxCsvColumns)
        columns_.push_back(key);
    }
  }
  check(!columns_.empty(), "{}: the table has no rows with values", name_);
  resolve(choices);
  require(choices);
}

void LabelTable::find_columns(const std::vector<CsvField>& first, int64_t line, std::optional<bool> header,
                              const Choices& choices) {
  std::array<bool, kTableRoles> in_first_row{};
  if (header != false) {
    for (const CsvField& field : first) columns_.emplace_back(trimmed(field.text()));
    has_header_ = resolve(choices) || header == true;
    for (const TableRole role : kRoles) in_first_row[role_index(role)] = chosen_[role_index(role)].has_value();
    if (has_header_) columns_ = csv_column_names(first, name_, line);
  }
  if (has_header_) return require(choices);
  const std::string found = listed_columns();  // before the columns get numbers for names
  columns_.clear();
  for (size_t i = 0; i < first.size(); ++i) columns_.push_back(std::to_string(i + 1));
  resolve(choices);
  if (header) return require(choices);
  // A column that the first row has is not the cause. One that was asked for is more likely to be it than a usual name.
  for (const bool asked : {true, false}) {
    for (const TableRole role : kRoles) {
      const ColumnChoice& choice = *choices[role_index(role)];
      if (chosen_[role_index(role)] || in_first_row[role_index(role)]) continue;
      if (choice.column.empty() == asked || (!asked && choice.need != Need::required)) continue;
      fail("{}: {} for the {}; the first row has {}. {}", name_,
           asked ? fmt::format("there is no column '{}'", printable(choice.column))
                 : fmt::format("no column has a usual name ({})", fmt::join(usual_columns(role), ", ")),
           noun(role), found, fmt::format("{} names it, or gives its number if there is no header row", flag_of(role)));
    }
  }
}

std::optional<size_t> LabelTable::find_column(TableRole role, const ColumnChoice& choice) const {
  if (choice.column.empty()) {
    for (const std::string_view name : usual_columns(role))
      if (const auto found = find_csv_column(columns_, name)) return found;
    return std::nullopt;
  }
  if (const auto found = find_csv_column(columns_, trimmed(choice.column))) return found;
  size_t number = 0;
  const char* end = choice.column.data() + choice.column.size();
  const auto [stop, error] = std::from_chars(choice.column.data(), end, number);
  if (error != std::errc() || stop != end || number < 1 || number > columns_.size() || kind_ == TableKind::jsonl)
    return std::nullopt;
  return number - 1;
}

// Chooses the columns. Returns whether all that are required are found, one of them by its name.
bool LabelTable::resolve(const Choices& choices) {
  bool all = true, named = false;
  for (const TableRole role : kRoles) {
    const ColumnChoice& choice = *choices[role_index(role)];
    chosen_[role_index(role)].reset();
    if (choice.need == Need::unused && choice.column.empty()) continue;
    const auto found = find_column(role, choice);
    if (found) {
      chosen_[role_index(role)] = TableRows::Column{.index = *found, .name = columns_[*found]};
      const bool by_number =
          !choice.column.empty() && lower_case(columns_[*found]) != lower_case(trimmed(choice.column));
      named = named || !by_number;
    } else if (choice.need == Need::required || !choice.column.empty()) {
      all = false;
    }
  }
  return all && named;
}

void LabelTable::require(const Choices& choices) const {
  for (const TableRole role : kRoles) {
    const ColumnChoice& choice = *choices[role_index(role)];
    if (chosen_[role_index(role)]) continue;
    check(choice.column.empty(), "{}: there is no column '{}' for the {}; the columns are {}", name_,
          printable(choice.column), noun(role), listed_columns());
    check(choice.need != Need::required, "{}: no column for the {} ({}) among the columns {}; {} names it", name_,
          noun(role), fmt::join(usual_columns(role), ", "), listed_columns(), flag_of(role));
  }
}

void LabelTable::read_rows(std::optional<bool> header) {
  TableRows rows(text_, name_, kind_);
  Interners interners;
  std::string room;
  if (has_header_) rows.next();
  while (rows.next()) {
    if (kind_ != TableKind::jsonl)
      check_csv_width(name_, rows.line(), rows.fields().size(), columns_.size(),
                      has_header_ ? "header row" : "first row");
    check_sample(rows);
    for (const TableRole role : kCategoryRoles)
      if (const auto& column = chosen_[role_index(role)])
        interners[role_index(role)].add(rows.value(*column, room).value_or(std::string_view()));
    begins_.push_back(rows.begin());
  }
  check(!begins_.empty(), "{}: there are no rows after the header row", name_);
  if (kind_ != TableKind::jsonl && !has_header_ && !header &&
      interners[role_index(TableRole::label)].begins_with_name())
    take_header_off(interners);
  begins_.shrink_to_fit();
  for (const TableRole role : kCategoryRoles)
    categories_[role_index(role)] = std::move(interners[role_index(role)]).sorted();
}

// The first row turned out to be a header.
void LabelTable::take_header_off(Interners& interners) {
  TableRows rows(text_, name_, kind_);
  rows.next();
  has_header_ = true;
  columns_ = csv_column_names(rows.fields(), name_, rows.line());
  begins_.erase(begins_.begin());
  for (const TableRole role : kCategoryRoles)
    if (chosen_[role_index(role)]) interners[role_index(role)].remove_first();
  for (auto& column : chosen_)
    if (column) column->name = columns_[column->index];
}

void LabelTable::check_sample(const TableRows& rows) const {
  std::string room;
  if (const auto& path = chosen_[role_index(TableRole::path)]) {
    const auto value = rows.value(*path, room, true);
    if (!value || value->empty())
      fail("{}, line {}: the path is missing (column '{}')", name_, rows.line(), printable(path->name));
  }
  if (const auto& text = chosen_[role_index(TableRole::text)]) {
    if (!rows.value(*text, room, true))
      fail("{}, line {}: the text is missing (key '{}')", name_, rows.line(), printable(text->name));
  }
  if (const auto& id = chosen_[role_index(TableRole::id)]) {
    const auto value = rows.value(*id, room);
    if (!value || trimmed(*value).empty())
      fail("{}, line {}: the id is missing (column '{}')", name_, rows.line(), printable(id->name));
  }
}

std::optional<std::string> LabelTable::column(TableRole role) const {
  const auto& column = chosen_[role_index(role)];
  if (!column) return std::nullopt;
  return column->name;
}

const TableRows::Column& LabelTable::chosen(TableRole role) const {
  const auto& column = chosen_[role_index(role)];
  check(column.has_value(), "{}: the table has no column for the {}", name_, noun(role));
  return *column;
}

const Categories& LabelTable::categories(TableRole role) const {
  chosen(role);
  check(std::ranges::find(kCategoryRoles, role) != kCategoryRoles.end(), "{}: the {} are no categories", name_,
        noun(role));
  return categories_[role_index(role)];
}

std::string LabelTable::value(int64_t row, TableRole role) const {
  const TableRows::Column& column = chosen(role);
  check(row >= 0 && row < this->rows(), "{}: row {} of {}", name_, row, this->rows());
  if (file_) file_->check_unchanged();
  TableRows rows(text_, name_, kind_, begins_[static_cast<size_t>(row)]);
  check(rows.next(), "{}: row {} is no longer there", name_, row);
  std::string room;
  return std::string(rows.value(column, room).value_or(std::string_view()));
}

int64_t LabelTable::line(int64_t row) const {
  check(row >= 0 && row < rows(), "{}: row {} of {}", name_, row, rows());
  if (file_) file_->check_unchanged();
  return 1 + count_line_ends(text_.substr(0, begins_[static_cast<size_t>(row)]));
}

std::vector<int64_t> LabelTable::lines(const std::vector<int64_t>& rows) const {
  if (file_) file_->check_unchanged();
  std::vector<int64_t> found;
  uint64_t begin = 0;
  int64_t line = 1;
  for (const int64_t row : rows) {
    check(row >= 0 && row < this->rows(), "{}: row {} of {}", name_, row, this->rows());
    const uint64_t end = begins_[static_cast<size_t>(row)];
    check(end >= begin, "{}: row {} comes before the one asked for before it", name_, row);
    line += count_line_ends(text_.substr(begin, end - begin));
    begin = end;
    found.push_back(line);
  }
  return found;
}

std::string LabelTable::listed_columns() const {
  std::string list;
  for (const std::string& column : columns_) list += (list.empty() ? "'" : ", '") + printable(column) + "'";
  return list.size() <= kMaxColumnsListed ? list : legible(list, kMaxColumnsListed);
}

bool names_column(const std::filesystem::path& file, std::string_view name) {
  const MappedFile mapped(file);
  const std::string shown = fmt::format("'{}'", printable(file.string()));
  const std::string_view text = without_csv_mark(mapped.bytes(), shown);
  const TableKind kind = table_kind(file.string(), text);
  TableRows rows(text, shown, kind);
  if (kind != TableKind::jsonl) {
    if (!rows.next()) return false;
    return std::ranges::any_of(rows.fields(), [&](const CsvField& field) {
      return lower_case(trimmed(field.text())) == lower_case(trimmed(name));
    });
  }
  for (int i = 0; i < kKeysFrom && rows.next(); ++i) {
    for (const auto& [key, value] : rows.object().items())
      if (lower_case(key) == lower_case(trimmed(name))) return true;
  }
  return false;
}

}  // namespace cofactor
