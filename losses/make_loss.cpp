#include "losses/make_loss.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <type_traits>

#include "losses/backward_correction.h"
#include "losses/bootstrapping.h"
#include "losses/cross_entropy.h"
#include "losses/dmi.h"
#include "losses/forward_correction.h"
#include "losses/gce.h"
#include "losses/lccn.h"
#include "losses/mae.h"
#include "losses/symmetric_cross_entropy.h"

namespace cofactor {

namespace {

struct Method {
  std::string_view name;
  std::vector<LossOption> options;
  std::unique_ptr<Loss> (*make)(const Method& method, const LossOptions& given);
};

void assign(OptionValue& to, const std::optional<Transition>& value) {
  if (value) to = *value;
}

template <class T>
void assign(OptionValue& to, const T& value) {
  to = value;
}

// Whether a member of type T fits into Options. GCC 12 warns of members outside its bounds in code that never runs.
template <class Options, class T>
constexpr bool kMayHold = sizeof(Options) >= sizeof(T);

template <class Options>
std::vector<LossOption> described() {
  static const Options defaults;
  std::vector<LossOption> options;
  for (const OptionMember<Options>& option : Options::members()) {
    OptionValue fallback;
    const auto read = [&]<class T>(T Options::*member) {
      if constexpr (kMayHold<Options, T>) assign(fallback, defaults.*member);
    };
    std::visit(read, option.member);
    options.push_back(
        {option.name, option.flag, option.help, fallback, option.default_text, option.no_value, option.only_if_set});
  }
  return options;
}

template <class Made, class Options>
std::unique_ptr<Loss> make_with(const Method& method, const LossOptions& given) {
  Options options;
  const std::vector<OptionMember<Options>> members = Options::members();
  for (size_t i = 0; i < members.size(); ++i) {
    const OptionValue value = value_of(method.name, method.options[i], given);
    const auto set = [&]<class T>(T Options::*member) { options.*member = std::get<T>(value); };
    const auto set_matrix = [&](std::optional<Transition> Options::*member) {
      if constexpr (kMayHold<Options, std::optional<Transition>>) {
        if (const auto* matrix = std::get_if<Transition>(&value)) options.*member = *matrix;
      }
    };
    std::visit(
        [&](auto member) {
          if constexpr (std::is_same_v<decltype(member), std::optional<Transition> Options::*>)
            set_matrix(member);
          else
            set(member);
        },
        members[i].member);
  }
  return std::make_unique<Made>(options);
}

template <class Made>
Method method(std::string_view name) {
  return {
      name, {}, [](const Method&, const LossOptions&) -> std::unique_ptr<Loss> { return std::make_unique<Made>(); }};
}

template <class Made, class Options>
Method method(std::string_view name) {
  return {name, described<Options>(), make_with<Made, Options>};
}

const std::vector<Method>& all_methods() {
  static const std::vector<Method> methods = {
      method<CrossEntropyLoss>("ce"),
      method<DmiLoss, DmiOptions>("dmi"),
      method<GceLoss, GceOptions>("gce"),
      method<ForwardCorrectionLoss, LossCorrectionOptions>("fw"),
      method<LccnLoss, LccnOptions>("lccn"),
      method<BackwardCorrectionLoss, LossCorrectionOptions>("bw"),
      method<MaeLoss>("mae"),
      method<SoftBootstrapLoss, SoftBootstrapOptions>("bootstrap-soft"),
      method<HardBootstrapLoss, HardBootstrapOptions>("bootstrap-hard"),
      method<SymmetricCrossEntropyLoss, SceOptions>("sce"),
  };
  return methods;
}

const Method& find_method(std::string_view name) {
  for (const Method& known : all_methods())
    if (known.name == name) return known;
  fail("make_loss: there is no method \"{}\", expected one of: {}", name, fmt::join(loss_names(), ", "));
}

void check_names(const Method& method, const LossOptions& given) {
  std::vector<std::string_view> names;
  for (const LossOption& option : method.options) names.push_back(option.name);
  for (const auto& [name, value] : given) {
    const bool known = std::ranges::find(names, name) != names.end();
    check(known, "{}: there is no option \"{}\", expected {}", method.name, name,
          names.empty() ? "none" : fmt::format("one of: {}", fmt::join(names, ", ")));
  }
}

std::string_view type_of(const OptionValue& value) {
  constexpr std::string_view kTypes[] = {"a transition matrix", "true or false", "a whole number", "a number",
                                         "a transition matrix"};
  return kTypes[value.index()];
}

}  // namespace

std::unique_ptr<Loss> make_loss(std::string_view method, const LossOptions& options) {
  const Method& known = find_method(method);
  check_names(known, options);
  return known.make(known, options);
}

std::vector<std::string> loss_names() {
  std::vector<std::string> names;
  for (const Method& method : all_methods()) names.emplace_back(method.name);
  return names;
}

const std::vector<LossOption>& loss_options(std::string_view method) {
  return find_method(method).options;
}

OptionValue value_of(std::string_view method, const LossOption& option, const LossOptions& given) {
  const auto found = given.find(option.name);
  if (found == given.end()) return option.fallback;
  const OptionValue& value = found->second;
  const bool has_no_default = std::holds_alternative<std::monostate>(option.fallback);
  if (value.index() == option.fallback.index() || (has_no_default && std::holds_alternative<Transition>(value)))
    return value;
  if (const auto* whole = std::get_if<int64_t>(&value); whole && std::holds_alternative<double>(option.fallback))
    return static_cast<double>(*whole);
  fail("{}: the option \"{}\" is {}, expected {}", method, option.name, type_of(value), type_of(option.fallback));
}

}  // namespace cofactor
