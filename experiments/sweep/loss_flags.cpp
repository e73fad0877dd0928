#include "experiments/sweep/loss_flags.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "data/noise/file.h"
#include "experiments/sweep/noises.h"
#include "experiments/sweep/program.h"

namespace cofactor {
namespace {

const std::string kGivenNoiseFlag = fmt::format("--noise {}", kGivenNoise);

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

}  // namespace

std::vector<std::string> LossFlags::LossFlag::reader_names() const {
  std::vector<std::string> names;
  for (const Reader& reader : readers) names.push_back(reader.method);
  if (noise_reads) names.push_back(kGivenNoiseFlag);
  return names;
}

LossFlags::LossFlags(Flags& flags, MethodOptions& options) : options_(options) {
  for (const std::string& method : loss_names()) {
    for (const LossOption& option : loss_options(method)) collect(method, option);
  }
  for (LossFlag& flag : flags_) flag.noise_reads = flag.readers.front().option->flag == kTransitionFlag;
  add(flags);
}

LossFlags::LossFlags(Flags& flags, MethodOptions& options, const std::vector<std::string>& methods)
    : options_(options) {
  for (const std::string& method : methods) {
    for (const LossOption& option : loss_options(method)) {
      if (option.flag != kLogicalBatchFlag) collect(method, option);  // of training, not of the loss
    }
  }
  add(flags);
}

void LossFlags::add(Flags& flags) {
  for (const auto& [method, values] : options_) make_loss(method, values);  // throws for names that do not exist
  flags.start_group("Losses");
  for (LossFlag& flag : flags_) {
    const auto& [method, option] = flag.readers.front();
    const std::string help = fmt::format("{}: {}", fmt::join(flag.reader_names(), ", "), option->help);
    const std::string name(option->flag);
    flag.flag = std::visit([&](auto& value) { return flags.add(name, value, help); }, flag.value);
    const bool is_default = value_of(method, *option, options_of(options_, method)) == option->fallback;
    if (is_default && !option->default_text.empty()) flag.flag->default_text(std::string(option->default_text));
  }
}

void LossFlags::collect(const std::string& method, const LossOption& option) {
  const auto same_flag = [&](const LossFlag& flag) { return flag.readers.front().option->flag == option.flag; };
  if (const auto found = std::ranges::find_if(flags_, same_flag); found != flags_.end()) {
    found->readers.push_back({method, &option});
    return;
  }
  const Value value = std::visit(
      Overloaded{[](bool) -> Value { return false; }, [](int64_t number) -> Value { return number; },
                 [](double number) -> Value { return number; }, [](const auto&) -> Value { return std::string(); }},
      value_of(method, option, options_of(options_, method)));
  flags_.push_back({.readers = {{method, &option}}, .value = value});
}

std::optional<Transition> LossFlags::resolve(const std::vector<std::string>& methods,
                                             const std::vector<std::string>& noises, int64_t classes) {
  std::vector<std::string> readers = methods;
  const bool noise_reads = std::ranges::find(noises, kGivenNoise) != noises.end();
  if (noise_reads) readers.push_back(kGivenNoiseFlag);
  check_read(readers);
  std::optional<Transition> transition;
  for (const LossFlag& flag : flags_) {
    if (!flag.flag->given()) continue;
    const OptionValue value = parsed(flag, classes);
    if (flag.flag->name() == kTransitionFlag) transition = std::get<Transition>(value);
    for (const auto& [method, option] : flag.readers) options_[method][std::string(option->name)] = value;
  }
  if (noise_reads && !transition) usage("{}: {} names the file of its matrix", kGivenNoiseFlag, kTransitionFlag);
  for (const std::string& method : methods) check_values(method);
  return transition;
}

void LossFlags::check_read(const std::vector<std::string>& readers) const {
  for (const LossFlag& flag : flags_) {
    if (!flag.flag->given()) continue;
    const std::vector<std::string> names = flag.reader_names();
    if (std::ranges::find_first_of(names, readers) != names.end()) continue;
    usage("{}: it is for {}, and --method has only {}", flag.flag->name(), fmt::join(names, " and "),
          fmt::join(readers, ", "));
  }
}

OptionValue LossFlags::parsed(const LossFlag& flag, int64_t classes) {
  const auto read = [&](const std::string& file) -> OptionValue {
    try {
      return read_transition(file, classes);
    } catch (const Error& error) {
      usage("{}: {}", flag.flag->name(), error.what());
    }
  };
  return std::visit(
      Overloaded{[&](bool) -> OptionValue { return !std::get<bool>(flag.readers.front().option->fallback); },
                 [](int64_t number) -> OptionValue { return number; },
                 [](double number) -> OptionValue { return number; }, read},
      flag.value);
}

// The loss itself judges its options; here they get the flags' names.
void LossFlags::check_values(const std::string& method) const {
  try {
    make_loss(method, options_of(options_, method));
  } catch (const Error& error) {
    std::string given;
    for (const LossFlag& flag : flags_) {
      const std::vector<std::string> names = flag.reader_names();
      if (!flag.flag->given() || std::ranges::find(names, method) == names.end()) continue;
      given += fmt::format("{}{} {}", given.empty() ? "" : ", ", flag.flag->name(), flag.flag->text());
    }
    usage("{}{}{}", given, given.empty() ? "" : ": ", error.what());
  }
}

const LossOptions& options_of(const MethodOptions& options, std::string_view method) {
  static const LossOptions none;
  const auto found = options.find(method);
  return found == options.end() ? none : found->second;
}

Json loss_settings(std::string_view method, const MethodOptions& options) {
  Json settings;  // null
  for (const LossOption& option : loss_options(method)) {
    const OptionValue value = value_of(method, option, options_of(options, method));
    if (option.only_if_set && value == option.fallback) continue;
    settings[std::string(option.name)] =
        std::visit(Overloaded{[&](std::monostate) { return Json(option.no_value); },
                              [](const Transition& transition) { return Json(transition.values()); },
                              [](const auto& held) { return Json(held); }},
                   value);
  }
  return settings;
}

}  // namespace cofactor
