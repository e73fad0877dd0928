// Options of losses by name, as a command line or a table of settings gives them. Each loss describes its own beside
// its code, as the members of a struct that its constructor takes:
//
//   DmiLoss loss({.epsilon = 0.001});                          // the type is known
//   auto loss = make_loss("dmi", {{"epsilon", 0.001}});        // its name is
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "data/noise/transition.h"

namespace cofactor {

// std::monostate: no value, of an option that has no default.
using OptionValue = std::variant<std::monostate, bool, int64_t, double, Transition>;

// The values that are given for one method, by the options' names; the others keep their defaults.
using LossOptions = std::map<std::string, OptionValue, std::less<>>;
// Those of several methods, by their names.
using MethodOptions = std::map<std::string, LossOptions, std::less<>>;

// One option, for those who offer it by name.
struct LossOption {
  std::string_view name;  // in LossOptions and in a run's settings: "epsilon"
  // Of a command line: "--epsilon". Methods that describe the same flag share it. The flag of a bool takes no value and
  // sets the opposite of the default; that of a transition matrix takes a file (data/noise/file.h).
  std::string_view flag;
  std::string_view help;          // a phrase for --help
  OptionValue fallback;           // the default
  std::string_view default_text;  // what --help shows as the default; empty: its value
  std::string_view no_value;      // what stands for std::monostate in a run's settings
  bool only_if_set = false;       // a run's settings have it only where it differs from the default
};

// One option as a member of a loss's struct of options, whose default it keeps.
template <class Options>
struct OptionMember {
  std::string_view name, flag, help;
  std::variant<bool Options::*, int64_t Options::*, double Options::*, std::optional<Transition> Options::*> member;
  std::string_view default_text = {}, no_value = {};
  bool only_if_set = false;
};

}  // namespace cofactor
