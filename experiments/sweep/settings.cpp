#include "experiments/sweep/settings.h"

#include "engine/io/json.h"
#include "experiments/sweep/loss_flags.h"
#include "experiments/sweep/noises.h"
#include "experiments/sweep/run.h"
#include "experiments/training/run_settings.h"

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

void add(Json& object, const SettingList& settings) {
  for (const auto& [name, value] : settings) {
    std::visit([&object, &key = name](const auto& held) { object[key] = held; }, value);
  }
}

std::string_view name_of_sampler(SamplerKind sampler) {
  switch (sampler) {
    case SamplerKind::stratified: return "stratified";
    case SamplerKind::sequential: return "sequential";
    default: return "shuffled";
  }
}

// `amended` false: without what only an amendment follows from.
Json data_json(const ExperimentData& data, bool amended) {
  Json json = {{"train", to_json(data.splits.train, data.inputs.train)},
               {"validation", to_json(data.splits.validation, data.inputs.validation)}};
  add(json, data.data_settings);
  if (!amended) return json;
  Json& judged = json[std::string(kJudgedInputs)] = Json::object();
  if (data.folds.judges_test) judged["test"] = to_json(data.splits.test, data.inputs.test);
  add(judged, data.report_inputs);
  return json;
}

}  // namespace

std::string settings_of(const Experiment& experiment, const RunOptions& options, const ExperimentData& data,
                        const Cell& cell, std::string_view method, const std::optional<TrainingPlan>& candidate) {
  const CrossFitting& cross = options.cross_fitting;
  const bool amended = cell.fold == 0 && !cross.amendment.empty();
  Json settings = {{"experiment", experiment.table().name},
                   {"noise", cell.noise},
                   {"rate", cell.rate},
                   {"seed", cell.seed},
                   {"data", data_json(data, amended)},
                   {"device", name_of(options.trainer.device.kind())},  // a GPU's number decides nothing
                   {"precision", options.precision},
                   {"sampler", name_of_sampler(options.trainer.sampler)},
                   {"pretraining", to_json(plan_of(experiment, options, kPretraining))}};
  if (options.trainer.synchronise_batch_norm) settings["batch_norm"] = "synchronised";
  if (options.trainer.bf16_sums) settings["gradient_sums"] = "bf16";
  if (options.limit) settings["limit"] = *options.limit;
  if (options.validation_limit) settings["validation_limit"] = *options.validation_limit;
  if (!data.settings.empty()) add(settings["options"], data.settings);
  if (cell.fold > 0) settings["fold"] = {{"number", cell.fold}, {"of", cell.folds}};
  if (amended) {
    settings["amended"] = {{"by", cross.amendment}, {"judge", cross.judge}, {"folds", cross.folds}};
    add(settings["amended"], data.report_settings);
  }
  if (cell.noise == kGivenNoise) settings["transition"] = options.transition->values();
  if (method != kPretraining) {
    settings["method"] = method;
    settings["finetuning"] = to_json(candidate ? *candidate : plan_of(experiment, options, method));
    if (options.search && !candidate) {
      settings["search"] = {{"lr", options.search->lrs}, {"batch_size", options.search->batch_sizes}};
    }
  }
  if (const Json loss = loss_settings(method, options.loss); !loss.is_null()) settings["loss"] = loss;
  return write_json(settings);
}

std::string result_settings_of(const std::string& phase_settings, const RunOptions& options,
                               const ExperimentData& data) {
  Json settings = parse_json(phase_settings);
  settings["test"] = to_json(data.splits.test, data.inputs.test);
  if (!data.report) return write_json(settings);
  Json& report = settings["report"] = {{"folds", options.cross_fitting.folds}};
  if (data.splits.has_unlabelled()) report["unlabelled"] = to_json(data.splits.unlabelled, data.inputs.unlabelled);
  add(report, data.report_settings);
  add(report, data.report_inputs);
  return write_json(settings);
}

std::string judged_settings_of(const std::string& phase_settings, const ExperimentData& data) {
  Json settings = parse_json(phase_settings);
  Json& judged = settings["judged"] = Json::object();
  if (data.folds.judges_test) judged["test"] = to_json(data.splits.test, data.inputs.test);
  if (data.splits.has_unlabelled()) judged["unlabelled"] = to_json(data.splits.unlabelled, data.inputs.unlabelled);
  return write_json(settings);
}

}  // namespace cofactor
