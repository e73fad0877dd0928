#include "experiments/derive/input.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <system_error>

#include "data/files/csv.h"
#include "engine/io/file.h"
#include "engine/io/text.h"
#include "engine/io/utf8.h"
#include "experiments/derive/derivation.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kMostBytes = 1 << 20;

CsvTable read_table(const fs::path& path) {
  const std::string name = printable(path.string());
  std::error_code error;
  const uintmax_t bytes = fs::is_regular_file(path, error) ? fs::file_size(path, error) : 0;
  check(error || bytes <= kMostBytes, "{}: {} bytes; a walk prints every number, so a file may have at most {}", name,
        bytes, kMostBytes);
  CsvTable table = parse_csv(read_file(path), name);
  check(table.rows() > 0, "{}: there is no row below the header", name);
  const int64_t count = table.rows() * static_cast<int64_t>(table.columns.size());
  check(count <= kMostNumbers, "{}: {} rows of {} columns; a walk prints every number, so there may be at most {}",
        name, table.rows(), table.columns.size(), kMostNumbers);
  return table;
}

template <class T>
bool parses(std::string_view text, T& value) {
  text = trimmed(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::string place_of(const fs::path& path, const CsvTable& table, int64_t row, size_t column) {
  return fmt::format("{}, line {}, column '{}'", printable(path.string()), table.lines[static_cast<size_t>(row)],
                     printable(table.columns[column]));
}

double number_at(const fs::path& path, const CsvTable& table, int64_t row, size_t column) {
  const std::string& field = table.at(row, column);
  double value = 0.0;
  check(parses(field, value) && std::abs(value) <= kLargestInput, "{}: '{}' is not a number between -{} and {}",
        place_of(path, table, row, column), legible(field, 60), kLargestInput, kLargestInput);
  return value;
}

Numbers numbers_but(const fs::path& path, const CsvTable& table, std::optional<size_t> left_out) {
  const auto columns = static_cast<int64_t>(table.columns.size()) - (left_out ? 1 : 0);
  Numbers numbers({table.rows(), columns});
  size_t at = 0;
  for (int64_t row = 0; row < table.rows(); ++row) {
    for (size_t column = 0; column < table.columns.size(); ++column) {
      if (column != left_out) numbers.values[at++] = number_at(path, table, row, column);
    }
  }
  return numbers;
}

}  // namespace

Numbers read_numbers(const fs::path& path) {
  return numbers_but(path, read_table(path), {});
}

LabelledNumbers read_labelled(const fs::path& path) {
  const CsvTable table = read_table(path);
  const std::optional<size_t> column = table.find("label");
  check(column.has_value(), "{}: there is no column 'label' beside the logits", printable(path.string()));
  const auto classes = static_cast<int64_t>(table.columns.size()) - 1;
  check(classes >= 2,
        "{}: columns of logits beside the labels: {}, one for each class; a loss needs at least 2 classes",
        printable(path.string()), classes);
  LabelledNumbers result{.numbers = numbers_but(path, table, column), .labels = {}};
  for (int64_t row = 0; row < table.rows(); ++row) {
    const std::string& field = table.at(row, *column);
    int32_t label = -1;
    check(parses(field, label) && label >= 0 && label < classes,
          "{}: the label '{}' is none of the {} classes, which are counted from 0", place_of(path, table, row, *column),
          legible(field, 60), classes);
    result.labels.push_back(label);
  }
  return result;
}

}  // namespace cofactor
