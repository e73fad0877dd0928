// The settings of a run, a JSON object with everything that decides its result, held against those of an earlier run:
// the flags that decide them, and the inputs, which are the data that it was trained and tested on.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace cofactor {

// In the section "data": what only decides which labels are suspects.
inline constexpr std::string_view kJudgedInputs = "judged";

inline constexpr std::string_view kOwnFolder = "give this run a folder of its own with --out DIR";

// Throws Error, naming `where`, each setting that differs and the flag that decides it, unless both are equal.
void check_same_settings(const std::string& found, const std::string& expected, std::string_view where);
// Compares everything but the inputs (the sections "data" and "test") and what only the experiment's own report depends
// on ("report"). Of settings that an earlier version wrote
// without inputs, those that both name are compared. `otherwise` is what a person can do beside asking for the same.
void check_same_flags(const std::string& found, const std::string& expected, std::string_view where,
                      std::string_view otherwise = kOwnFolder);

// How the inputs of an earlier run relate to those of this one.
enum class Inputs {
  same,
  other_test,  // trained on the same, tested on something else
  other,
  unknown  // the earlier settings do not say
};
Inputs compare_inputs(const std::string& found, const std::string& here);

// Whether the experiment's own report of the earlier run is what it would be now, where the inputs are the same.
bool is_same_report(const std::string& found, const std::string& here);

// The section "data" or "test" of settings; null where there is none, or none that this version writes.
nlohmann::ordered_json input_section(const std::string& settings, std::string_view name);
// Whether two JSON values are equal, whatever the order of the names in their objects, which a tool may have changed.
bool is_same_json(const nlohmann::ordered_json& a, const nlohmann::ordered_json& b);

}  // namespace cofactor
