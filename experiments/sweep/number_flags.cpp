#include "experiments/sweep/number_flags.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include "experiments/sweep/program.h"

namespace cofactor {
namespace {

// Whether all of the text is a number that T holds.
template <class T>
bool holds(std::string_view text, T& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// The number without zeros before it, which would make it an octal one.
template <class T>
std::string whole_number(const std::string& flag, const std::string& text) {
  T value{};
  if (holds(text, value)) return fmt::format("{}", value);
  if (std::is_signed_v<T>) usage("{} {}: expected a whole number", flag, text);
  usage("{} {}: expected a whole number from 0 to {}", flag, text, std::numeric_limits<T>::max());
}

std::string finite_number(const std::string& flag, const std::string& text) {
  double value = 0.0;
  if (holds(text, value) && std::isfinite(value)) return text;
  usage("{} {}: expected a finite number", flag, text);
}

}  // namespace

void check_numbers_of(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    const std::string kind = option->get_type_name(), flag = option->get_name();
    const auto judge = kind.starts_with("UINT")    ? whole_number<uint64_t>
                       : kind.starts_with("INT")   ? whole_number<int64_t>
                       : kind.starts_with("FLOAT") ? finite_number
                                                   : nullptr;
    if (judge) option->transform([judge, flag](const std::string& text) { return judge(flag, text); });
  }
}

}  // namespace cofactor
