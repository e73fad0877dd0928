#include "data/noise/file.h"

#include <charconv>
#include <sstream>
#include <string>

#include "engine/error.h"
#include "engine/io/file.h"
#include "engine/io/text.h"
#include "engine/io/utf8.h"

namespace cofactor {
namespace {

double parse_number(std::string_view word, std::string_view where) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  check(error == std::errc() && end == word.data() + word.size(), "{}: '{}' is not a number", where, legible(word));
  return value;
}

// The numbers of a line. Blanks around a comma do not count; between two commas a number is missing.
std::vector<double> numbers(std::string_view line, std::string_view where) {
  std::vector<double> values;
  line = trimmed(line);
  while (!line.empty()) {
    const size_t end = std::min(line.find_first_of(" \t,"), line.size());
    values.push_back(parse_number(line.substr(0, end), where));
    const bool comma = trimmed(line.substr(end)).starts_with(',');
    line = trimmed(line.substr(end));
    if (comma) {
      line = trimmed(line.substr(1));
      check(!line.empty(), "{}: no number follows the last comma", where);
    }
  }
  return values;
}

}  // namespace

Transition read_transition(const std::filesystem::path& path, int64_t classes) {
  std::istringstream lines(read_file(path));
  std::vector<double> values;
  int64_t rows = 0;
  std::string line;
  for (int64_t line_number = 1; std::getline(lines, line); ++line_number) {
    if (trimmed(line).empty() || trimmed(line).starts_with('#')) continue;
    const std::string where = fmt::format("{}, line {}", path.string(), line_number);
    const std::vector<double> row = numbers(line, where);
    check(static_cast<int64_t>(row.size()) == classes, "{}: {} numbers, expected one for each of the {} classes", where,
          row.size(), classes);
    check(++rows <= classes, "{}: row {}, expected one for each of the {} classes", where, rows, classes);
    const std::string wrong = Transition::wrong_with_row(row);
    check(wrong.empty(), "{}: {}", where, wrong);
    values.insert(values.end(), row.begin(), row.end());
  }
  check(rows == classes, "{}: {} rows, expected one for each of the {} classes", path.string(), rows, classes);
  return {classes, std::move(values)};
}

}  // namespace cofactor
