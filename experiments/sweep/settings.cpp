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

}  // namespace cofactor
