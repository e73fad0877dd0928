#include "experiments/settings.h"

#include <set>
#include <vector>

#include "engine/io/json.h"
#include "experiments/checksum.h"
#include "experiments/loss_flags.h"
#include "experiments/noises.h"

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

// Over the samples' places and labels: tells one data set, order or split from another.
std::string checksum(const DataSplits& data) {
  Checksum sum;
  for (const Split* split : {&data.train, &data.validation, &data.test}) {
    sum.mix(static_cast<uint64_t>(split->size()));
    for (const int64_t index : split->indices) sum.mix(static_cast<uint64_t>(index));
    for (const int32_t label : split->labels) sum.mix(static_cast<uint64_t>(label));
  }
  return sum.text();
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
                    {{"train", splits.train.size()},
                     {"validation", splits.validation.size()},
                     {"test", splits.test.size()},
                     {"checksum", checksum(splits)}}},
                   {"device", name_of(options.device)},
                   {"precision", options.precision},
                   {"sampler", options.sampler == SamplerKind::stratified   ? "stratified"
                               : options.sampler == SamplerKind::sequential ? "sequential"
                                                                            : "shuffled"},
                   {"pretraining", to_json(plan_of(experiment, options, "ce"))}};
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

void check_same_settings(const std::string& found, const std::string& expected, std::string_view where) {
  if (found == expected) return;
  const Json here = parse_json(expected);
  Json there;
  try {
    there = parse_json(found);
  } catch (const Error& error) {
    fail("{}: its settings: {}", where, error.what());
  }
  check(there.is_object(), "{}: its settings are no JSON object", where);
  const Json flat_there = there.flatten(), flat_here = here.flatten();
  std::set<std::string> names;
  for (const auto& [name, value] : flat_there.items()) names.insert(name);
  for (const auto& [name, value] : flat_here.items()) names.insert(name);
  std::string differences;
  for (const std::string& name : names) {
    const std::string a = flat_there.contains(name) ? write_json(flat_there.at(name)) : "nothing";
    const std::string b = flat_here.contains(name) ? write_json(flat_here.at(name)) : "nothing";
    if (a == b) continue;
    differences += fmt::format("{}{} {} there, {} asked for", differences.empty() ? "" : "; ", name.substr(1), a, b);
  }
  check(differences.empty(), "{} was made with other settings ({}); give another --out, or delete it", where,
        differences);
}

}  // namespace cofactor
