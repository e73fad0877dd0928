#include "experiments/training/duration.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>

#include "engine/error.h"

namespace cofactor {
namespace {

constexpr double kDay = 86400.0, kLongest = 100.0 * kDay;
const std::map<std::string_view, double> kUnits = {{"", 1.0},     {"ms", 1e-3},  {"s", 1.0}, {"m", 60.0},
                                                   {"min", 60.0}, {"h", 3600.0}, {"d", kDay}};

}  // namespace

std::string format_duration(double seconds) {
  const auto whole = static_cast<int64_t>(std::max(seconds, 0.0) + 0.5);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

double parse_duration(std::string_view text) {
  double number = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  const auto found = kUnits.find(unit);
  check(error == std::errc() && std::isfinite(number) && number >= 0.0 && found != kUnits.end(),
        "expected a time such as 90s, 5m or 1h (ms, s, m, h, d), or 0");
  const double seconds = number * found->second;
  check(seconds <= kLongest, "expected at most {:g} days", kLongest / kDay);
  return seconds;
}

}  // namespace cofactor
