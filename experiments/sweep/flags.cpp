#include "experiments/sweep/flags.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string_view>
#include <type_traits>

#include "experiments/sweep/program.h"

namespace cofactor {
namespace {

constexpr size_t kHelpColumn = 34;  // where the sentences of --help begin

template <class T>
constexpr bool kIsList = false;
template <class T>
constexpr bool kIsList<std::vector<T>> = true;

template <class T>
constexpr bool kIsOptional = false;
template <class T>
constexpr bool kIsOptional<std::optional<T>> = true;

// Whether all of the text is a number that T holds.
template <class T>
bool holds(std::string_view text, T& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// The number without leading zeros, which CLI11 would read as octal.
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

// Makes every flag that takes numbers judge the text before CLI11 converts it. The conversion would take -1 for 2^64 -
// 1 where no sign is expected, 010 for eight, numbers beyond the type's range for its end, and nan and 1e400 (infinity)
// for numbers.
void check_numbers(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    const std::string kind = option->get_type_name(), flag = option->get_name();
    const auto judge = kind.starts_with("UINT")    ? whole_number<uint64_t>
                       : kind.starts_with("INT")   ? whole_number<int64_t>
                       : kind.starts_with("FLOAT") ? finite_number
                                                   : nullptr;
    if (judge) option->transform([judge, flag](const std::string& text) { return judge(flag, text); });
  }
}

CLI::Validator positive_number(const std::string& flag, bool or_zero) {
  const auto judge = [=](const std::string& text) {
    double value = 0.0;
    if (holds(text, value) && (value > 0.0 || (or_zero && value == 0.0))) return std::string();
    usage("{} {}: expected {}", flag, text, or_zero ? "0 or a positive number" : "a positive number");
  };
  return {judge, or_zero ? "NONNEGATIVE" : "POSITIVE"};
}

}  // namespace

Flag& Flag::one_of(std::vector<std::string> values) {
  option_->check(CLI::IsMember(std::move(values)));
  return *this;
}

Flag& Flag::default_text(const std::string& text) {
  option_->default_str(text);
  return *this;
}

Flag& Flag::positive() {
  option_->check(positive_number(name(), false));
  return *this;
}

Flag& Flag::non_negative() {
  option_->check(positive_number(name(), true));
  return *this;
}

Flag& Flag::required() {
  option_->required();
  return *this;
}

Flag& Flag::excludes(const Flag& other) {
  option_->excludes(other.option_);
  return *this;
}

Flag& Flag::hidden() {
  option_->group("");
  return *this;
}

std::string Flag::name() const {
  return option_->get_name();
}

bool Flag::given() const {
  return option_->count() > 0;
}

std::string Flag::text() const {
  std::string text;
  for (const std::string& value : option_->results()) text += (text.empty() ? "" : " ") + value;
  return text;
}

Flags::Flags(const std::string& program, const std::string& description)
    : app_(std::make_unique<CLI::App>(description, program)) {
  app_->get_formatter()->column_width(kHelpColumn);
}

Flags::~Flags() = default;

template <FlagValue T>
Flag Flags::add(const std::string& name, T& value, const std::string& help) {
  CLI::Option* option = nullptr;
  if constexpr (std::is_same_v<T, bool>) {
    option = app_->add_flag(name, value, help);
  } else {
    option = app_->add_option(name, value, help);
    if constexpr (kIsList<T>) {
      if constexpr (!std::is_same_v<T, std::vector<std::filesystem::path>>) option->delimiter(',');
    } else if constexpr (!kIsOptional<T>) {
      option->capture_default_str();
    }
  }
  option->group(group_);
  return Flag(option);
}

template Flag Flags::add(const std::string&, bool&, const std::string&);
template Flag Flags::add(const std::string&, int&, const std::string&);
template Flag Flags::add(const std::string&, int64_t&, const std::string&);
template Flag Flags::add(const std::string&, uint64_t&, const std::string&);
template Flag Flags::add(const std::string&, double&, const std::string&);
template Flag Flags::add(const std::string&, std::string&, const std::string&);
template Flag Flags::add(const std::string&, std::filesystem::path&, const std::string&);
template Flag Flags::add(const std::string&, std::optional<int>&, const std::string&);
template Flag Flags::add(const std::string&, std::optional<int64_t>&, const std::string&);
template Flag Flags::add(const std::string&, std::optional<double>&, const std::string&);
template Flag Flags::add(const std::string&, std::optional<std::string>&, const std::string&);
template Flag Flags::add(const std::string&, std::vector<int>&, const std::string&);
template Flag Flags::add(const std::string&, std::vector<int64_t>&, const std::string&);
template Flag Flags::add(const std::string&, std::vector<uint64_t>&, const std::string&);
template Flag Flags::add(const std::string&, std::vector<double>&, const std::string&);
template Flag Flags::add(const std::string&, std::vector<std::string>&, const std::string&);
template Flag Flags::add(const std::string&, std::vector<std::filesystem::path>&, const std::string&);

void Flags::start_group(const std::string& heading) {
  group_ = heading;
}

void Flags::footer(const std::string& text) {
  app_->footer(text);
}

bool Flags::parse(int argc, const char* const* argv) {
  check_numbers(*app_);
  try {
    app_->parse(argc, argv);
    return true;
  } catch (const CLI::CallForHelp&) {
    std::fputs(app_->help().c_str(), stdout);
    return false;
  } catch (const CLI::ParseError& error) {
    throw UsageError(fmt::format("{} (--help lists the flags)", error.what()));
  }
}

}  // namespace cofactor
