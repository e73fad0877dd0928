#include "experiments/sweep/transition_file.h"

#include <charconv>
#include <cmath>
#include <sstream>
#include <string>

#include "engine/error.h"
#include "engine/io/file.h"
#include "engine/io/utf8.h"

namespace cofactor {
namespace {

constexpr double kRowTolerance = 1e-6;
constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

double probability(std::string_view word, std::string_view where) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  check(error == std::errc() && end == word.data() + word.size(), "{}: '{}' is not a number", where, legible(word));
  check(value >= 0.0 && value <= 1.0, "{}: {} is not a probability", where, word);
  return value;
}

// The numbers of a line. A comma parts them whether or not blanks stand around it, so that two in a row leave a hole.
std::vector<double> numbers(std::string_view line, std::string_view where) {
  std::vector<double> values;
  line = trimmed(line);
  while (!line.empty()) {
    const size_t end = std::min(line.find_first_of(" \t,"), line.size());
    values.push_back(probability(line.substr(0, end), where));
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
  for (int64_t number = 1; std::getline(lines, line); ++number) {
    if (trimmed(line).empty() || trimmed(line).starts_with('#')) continue;
    const std::string where = fmt::format("{}, line {}", path.string(), number);
    const std::vector<double> row = numbers(line, where);
    check(static_cast<int64_t>(row.size()) == classes, "{}: {} numbers, expected one for each of the {} classes", where,
          row.size(), classes);
    check(++rows <= classes, "{}: row {}, expected one for each of the {} classes", where, rows, classes);
    double sum = 0.0;
    for (const double value : row) sum += value;
    check(std::abs(sum - 1.0) <= kRowTolerance, "{}: the row sums to {:g}, not to 1", where, sum);
    values.insert(values.end(), row.begin(), row.end());
  }
  check(rows == classes, "{}: {} rows, expected one for each of the {} classes", path.string(), rows, classes);
  return {classes, std::move(values)};
}

}  // namespace cofactor
