#include "experiments/number_flags.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "experiments/program.h"

namespace cofactor {
namespace {

// Whether all of the text is a number that T holds.
template <class T>
bool holds(std::string_view text, T& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

template <class T>
void check_whole(const std::string& flag, const std::string& text) {
  T value{};
  if (holds(text, value)) return;
  usage("{} {}: expected a whole number from {} to {}", flag, text, std::numeric_limits<T>::min(),
        std::numeric_limits<T>::max());
}

void check_real(const std::string& flag, const std::string& text) {
  double value = 0.0;
  if (holds(text, value) && std::isfinite(value)) return;
  usage("{} {}: expected a finite number", flag, text);
}

}  // namespace

void check_numbers_of(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    const std::string kind = option->get_type_name(), flag = option->get_name();
    const auto judge = kind.starts_with("UINT")    ? check_whole<uint64_t>
                       : kind.starts_with("INT")   ? check_whole<int64_t>
                       : kind.starts_with("FLOAT") ? check_real
                                                   : nullptr;
    if (!judge) continue;
    option->check([judge, flag](const std::string& text) {
      judge(flag, text);
      return std::string();
    });
  }
}

}  // namespace cofactor
