#include "experiments/training/run_settings.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "engine/error.h"
#include "engine/io/json.h"
#include "losses/make_loss.h"

namespace cofactor {
namespace {

// The flags of settings that are not named like them, by how the setting begins.
constexpr std::pair<std::string_view, std::string_view> kFlags[] = {
    {"search/lr", "--search with --lr"},           {"search/batch_size", "--search with --batch-size"},
    {"pretraining/lr", "--pretrain-lr"},           {"finetuning/lr", "--lr"},
    {"options/augmentation", "--no-augmentation"}, {"fold/of", "--folds"},
    {"amended/by", "--drop-suspects or --relabel"}};
// Settings that are named like their flags, wherever they stand. So are an experiment's own ("options/...").
constexpr std::string_view kNamedLikeFlags[] = {"epochs",  "batch_size", "device",           "precision",
                                                "sampler", "limit",      "validation_limit", "transition"};

// "max_length" as a flag: " [--max-length]".
std::string flag_named(std::string_view setting) {
  std::string flag(setting);
  std::ranges::replace(flag, '_', '-');
  return fmt::format(" [--{}]", flag);
}

// The flag of an option of the method's loss; empty where there is none.
std::string loss_flag(std::string_view method, std::string_view option) {
  const std::vector<std::string> known = loss_names();
  if (std::ranges::find(known, method) == known.end()) return {};
  for (const LossOption& one : loss_options(method)) {
    if (one.name == option) return fmt::format(" [{}]", one.flag);
  }
  return {};
}

// The flag that decides a setting of a method, such as "pretraining/lr_steps/0/1", in brackets; empty where none does.
std::string flag_of(const std::string& setting, std::string_view method) {
  const std::string below = setting.substr(setting.find('/') + 1);  // "image_size" of "options/image_size"
  const std::string name = below.substr(0, below.find('/'));
  for (const auto& [beginning, flag] : kFlags) {
    if (setting.starts_with(beginning)) return fmt::format(" [{}]", flag);
  }
  if (setting.starts_with("options/") || setting.starts_with("amended/")) return flag_named(name);
  if (setting.starts_with("loss/")) return loss_flag(method, name);
  for (const std::string_view known : kNamedLikeFlags) {
    if (fmt::format("/{}/", setting).find(fmt::format("/{}/", known)) != std::string::npos) return flag_named(known);
  }
  return {};
}

Json parse_settings(const std::string& text, std::string_view where) {
  Json settings;
  try {
    settings = parse_json(text);
  } catch (const Error& error) {
    fail("{}: its settings: {}", where, error.what());
  }
  check(settings.is_object(), "{}: its settings are not a JSON object", where);
  return settings;
}

void check_same(const Json& there, const Json& here, std::string_view where, bool both_only,
                std::string_view otherwise) {
  const std::map<std::string, std::string> flat_there = flatten_json(there), flat_here = flatten_json(here);
  std::set<std::string> settings;
  for (const auto& [setting, value] : flat_there) settings.insert(setting);
  for (const auto& [setting, value] : flat_here) settings.insert(setting);
  const std::string method = here.value("method", std::string());
  std::string differences;
  for (const std::string& setting : settings) {
    if (both_only && !(flat_there.contains(setting) && flat_here.contains(setting))) continue;
    const std::string a = flat_there.contains(setting) ? flat_there.at(setting) : "nothing";
    const std::string b = flat_here.contains(setting) ? flat_here.at(setting) : "nothing";
    if (a == b) continue;
    differences += fmt::format("{}{} {} there, {} asked for{}", differences.empty() ? "" : "; ", setting, a, b,
                               flag_of(setting, method));
  }
  check(differences.empty(), "{} was made with other settings ({}); ask for those again, or {}", where, differences,
        otherwise);
}

}  // namespace

void check_same_settings(const std::string& found, const std::string& expected, std::string_view where) {
  if (found == expected) return;
  check_same(parse_settings(found, where), parse_settings(expected, where), where, false, kOwnFolder);
}

void check_same_flags(const std::string& found, const std::string& expected, std::string_view where,
                      std::string_view otherwise) {
  if (found == expected) return;
  const bool unknown = compare_inputs(found, expected) == Inputs::unknown;
  Json there, here = parse_settings(expected, where);
  try {
    there = parse_settings(found, where);
  } catch (const Error&) {
    if (unknown) return;  // there is nothing to compare
    throw;
  }
  for (const char* section : {"data", "test", "report"}) {
    there.erase(section);
    here.erase(section);
  }
  check_same(there, here, where, unknown, otherwise);
}

Inputs compare_inputs(const std::string& found, const std::string& here) {
  const Json there = input_section(found, "data");
  if (there.is_null()) return Inputs::unknown;
  if (!is_same_json(there, input_section(here, "data"))) return Inputs::other;
  return is_same_json(input_section(found, "test"), input_section(here, "test")) ? Inputs::same : Inputs::other_test;
}

bool is_same_report(const std::string& found, const std::string& here) {
  const auto section = [](const std::string& settings) {
    try {
      return parse_json(settings).value("report", Json());
    } catch (const std::exception&) {
      return Json();
    }
  };
  return is_same_json(section(found), section(here));
}

Json input_section(const std::string& settings, std::string_view name) {
  Json all;
  try {
    all = parse_json(settings);
  } catch (const Error&) {
    return nullptr;
  }
  if (!all.is_object() || !all.contains(name) || !all.at(name).is_object()) return nullptr;
  const Json& found = all.at(name);
  const std::string_view known = name == "data" ? "train" : "content";
  if (!found.contains(known) || (known == "train" && !found.at(known).is_object())) return nullptr;
  return found;
}

bool is_same_json(const Json& a, const Json& b) {
  return nlohmann::json(a) == nlohmann::json(b);
}

}  // namespace cofactor
