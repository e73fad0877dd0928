#include "experiments/sweep/settings.h"

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "engine/io/json.h"
#include "experiments/sweep/inputs.h"
#include "experiments/sweep/loss_flags.h"
#include "experiments/sweep/noises.h"

namespace cofactor {
namespace {

Json to_json(const TrainingPlan& plan) {
  Json steps = Json::array();
  for (const RateFrom& step : plan.lr_steps) steps.push_back({step.epoch, step.lr});
  return {{"optimizer", plan.optimizer == OptimizerKind::adam ? "adam" : "sgd"},
          {"lr", plan.lr},
          {"lr_steps", steps},
          {"momentum", plan.momentum},
          {"weight_decay", plan.weight_decay},
          {"epochs", plan.epochs},
          {"batch_size", plan.batch_size}};
}

Json to_json(const Split& split, const PartInputs& inputs) {
  return {{"samples", split.size()}, {"labels", inputs.labels}, {"content", inputs.content}};
}

// The flags that decide settings, by how the setting begins or, without a '/', by any of its names; the first counts.
constexpr std::pair<std::string_view, std::string_view> kFlags[] = {{"search/lr", "--search with --lr"},
                                                                    {"search/batch_size", "--search with --batch-size"},
                                                                    {"pretraining/lr", "--pretrain-lr"},
                                                                    {"finetuning/lr", "--lr"},
                                                                    {"options/model", "--model"},
                                                                    {"options/head", "--head"},
                                                                    {"options/stem", "--stem"},
                                                                    {"options/init", "--init"},
                                                                    {"options/image_size", "--image-size"},
                                                                    {"options/augmentation", "--no-augmentation"},
                                                                    {"options/split_seed", "--split-seed"},
                                                                    {"options/split", "--split"},
                                                                    {"options/input", "--input"},
                                                                    {"options/max_length", "--max-length"},
                                                                    {"options/embedding_mode", "--embedding-mode"},
                                                                    {"options/activation", "--activation"},
                                                                    {"loss/normalize", "--no-normalize"},
                                                                    {"loss/epsilon", "--epsilon"},
                                                                    {"loss/q", "--q"},
                                                                    {"loss/truncation", "--truncation"},
                                                                    {"loss/warmup_steps", "--warmup-steps"},
                                                                    {"loss/update_every", "--update-every"},
                                                                    {"epochs", "--epochs"},
                                                                    {"batch_size", "--batch-size"},
                                                                    {"device", "--device"},
                                                                    {"precision", "--precision"},
                                                                    {"sampler", "--sampler"},
                                                                    {"limit", "--limit"},
                                                                    {"validation_limit", "--validation-limit"},
                                                                    {"transition", "--transition"}};

// Of "pretraining/lr_steps/0/1", say: the flag that decides it, in brackets; empty where none does.
std::string flag_of(const std::string& setting) {
  for (const auto& [name, flag] : kFlags) {
    const bool found = name.find('/') != std::string_view::npos
                           ? setting.starts_with(name)
                           : fmt::format("/{}/", setting).find(fmt::format("/{}/", name)) != std::string::npos;
    if (found) return fmt::format(" [{}]", flag);
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
  check(settings.is_object(), "{}: its settings are no JSON object", where);
  return settings;
}

void check_same(const Json& there, const Json& here, std::string_view where, bool both_only) {
  const std::map<std::string, std::string> flat_there = flatten_json(there), flat_here = flatten_json(here);
  std::set<std::string> settings;
  for (const auto& [setting, value] : flat_there) settings.insert(setting);
  for (const auto& [setting, value] : flat_here) settings.insert(setting);
  std::string differences;
  for (const std::string& setting : settings) {
    if (both_only && !(flat_there.contains(setting) && flat_here.contains(setting))) continue;
    const std::string a = flat_there.contains(setting) ? flat_there.at(setting) : "nothing";
    const std::string b = flat_here.contains(setting) ? flat_here.at(setting) : "nothing";
    if (a == b) continue;
    differences +=
        fmt::format("{}{} {} there, {} asked for{}", differences.empty() ? "" : "; ", setting, a, b, flag_of(setting));
  }
  check(
      differences.empty(),
      "{} was made with other settings ({}); ask for those again, or give this run a folder of its own with --out DIR",
      where, differences);
}

}  // namespace

std::string settings_of(const Experiment& experiment, const RunOptions& options, const Cell& cell,
                        std::string_view method, const ExperimentData& data,
                        const std::optional<TrainingPlan>& candidate) {
  const DataSplits& splits = data.splits;
  Json settings = {{"experiment", experiment.name},
                   {"noise", cell.noise},
                   {"rate", cell.rate},
                   {"seed", cell.seed},
                   {"data",
                    {{"train", to_json(splits.train, data.inputs.train)},
                     {"validation", to_json(splits.validation, data.inputs.validation)}}},
                   {"device", name_of(options.device)},
                   {"precision", options.precision},
                   {"sampler", options.sampler == SamplerKind::stratified   ? "stratified"
                               : options.sampler == SamplerKind::sequential ? "sequential"
                                                                            : "shuffled"},
                   {"pretraining", to_json(plan_of(experiment, options, "ce"))}};
  if (!data.data_settings.empty()) settings["data"].update(parse_json(data.data_settings));
  if (options.limit) settings["limit"] = *options.limit;
  if (options.validation_limit) settings["validation_limit"] = *options.validation_limit;
  if (!data.settings.empty()) settings["options"] = parse_json(data.settings);
  if (cell.noise == kGivenNoise) settings["transition"] = options.loss.transition->values();
  if (method != "ce") {
    settings["method"] = method;
    settings["finetuning"] = to_json(candidate ? *candidate : plan_of(experiment, options, method));
    if (options.search && !candidate) {
      settings["search"] = {{"lr", options.search->lrs}, {"batch_size", options.search->batch_sizes}};
    }
  }
  if (const Json loss = loss_settings(method, options.loss); !loss.is_null()) settings["loss"] = loss;
  return write_json(settings);
}

std::string result_settings_of(const Experiment& experiment, const RunOptions& options, const Cell& cell,
                               std::string_view method, const ExperimentData& data) {
  Json settings = parse_json(settings_of(experiment, options, cell, method, data));
  settings["test"] = to_json(data.splits.test, data.inputs.test);
  return write_json(settings);
}

void check_same_settings(const std::string& found, const std::string& expected, std::string_view where) {
  if (found == expected) return;
  check_same(parse_settings(found, where), parse_settings(expected, where), where, false);
}

void check_same_flags(const std::string& found, const std::string& expected, std::string_view where) {
  if (found == expected) return;
  const bool unknown = compare_inputs(found, expected) == Inputs::unknown;
  Json there, here = parse_settings(expected, where);
  try {
    there = parse_settings(found, where);
  } catch (const Error&) {
    if (unknown) return;  // they name nothing
    throw;
  }
  for (const char* inputs : {"data", "test"}) {
    there.erase(inputs);
    here.erase(inputs);
  }
  check_same(there, here, where, unknown);
}

}  // namespace cofactor
