#include "experiments/sweep/run.h"

#include <algorithm>

#include "engine/io/json.h"
#include "experiments/sweep/noises.h"
#include "experiments/sweep/processor.h"
#include "experiments/sweep/settings.h"
#include "experiments/sweep/version.h"

namespace cofactor {
namespace {

Phase phase_of(const Experiment& experiment, const RunOptions& options, const ExperimentData& data, const Cell& cell,
               const std::string& method) {
  const bool pretraining = method == kPretraining;
  return {.label = fmt::format("{}, {}", cell.label(), method),
          .settings = settings_of(experiment, options, data, cell, method),
          .folder = run_folder(options, cell, method),
          .plan = plan_of(experiment, options, method),
          .selection = pretraining ? Selection::validation_accuracy : Selection::validation_loss,
          .seed = cell.seed,
          .first_epoch = pretraining ? 0 : plan_of(experiment, options, kPretraining).epochs};
}

// A candidate's phase is the method's with another plan, in a folder of its own.
CandidateRun candidate_run(const Experiment& experiment, const RunOptions& options, const ExperimentData& data,
                           const Run& run, const Candidate& candidate) {
  Phase phase = run.phase;
  phase.plan = with_candidate(phase.plan, candidate);
  phase.label += fmt::format(", lr {:g}, batch size {}", candidate.lr, candidate.batch_size);
  phase.folder /= fmt::format("search-lr{}-batch{}", candidate.lr, candidate.batch_size);
  phase.settings = settings_of(experiment, options, data, run.cell, run.method(), phase.plan);
  return {candidate, std::move(phase)};
}

Run make_run(const Experiment& experiment, const RunOptions& options, const ExperimentData& data, const Cell& cell,
             const std::string& method) {
  Run run{.cell = cell, .phase = phase_of(experiment, options, data, cell, method), .result = {}};
  run.result.experiment = experiment.table().name;
  run.result.noise = cell.noise;
  run.result.rate = cell.rate;
  run.result.method = method;
  run.result.seed = cell.seed;
  run.result.device = std::string(name_of(options.trainer.device.kind()));
  run.result.precision = options.precision;
  run.result.threads = options.trainer.threads;
  run.result.ranks = ranks_of(options.trainer);
  run.result.version = version();
  run.result.processor = processor_name();
  run.result.settings = cell.fold > 0 ? judged_settings_of(run.phase.settings, data)
                                      : result_settings_of(run.phase.settings, options, data);
  if (!options.search || run.is_pretraining()) return run;
  for (const Candidate& candidate : candidates_of(*options.search)) {
    run.candidates.push_back(candidate_run(experiment, options, data, run, candidate));
  }
  return run;
}

}  // namespace

std::string Cell::label() const {
  return fmt::format("{}, rate {:g}, seed {}{}", noise, rate, seed, fold > 0 ? fmt::format(", fold {}", fold) : "");
}

Cell fold_of(Cell cell, int fold, int folds) {
  cell.fold = fold;
  cell.folds = folds;
  return cell;
}

std::filesystem::path Cell::folder() const {
  const std::filesystem::path whole = cell_folder(noise, rate, seed);
  return fold > 0 ? whole / fmt::format("fold{}of{}", fold, folds) : whole;
}

std::filesystem::path run_folder(const RunOptions& options, const Cell& cell, const std::string& method) {
  return options.out / cell.folder() / method;
}

int64_t Run::samples(int64_t training_samples) const {
  if (candidates.empty()) return phase.plan.epochs * training_samples;
  int64_t epochs = 0;
  for (const CandidateRun& one : candidates) epochs += one.phase.plan.epochs;
  return epochs * training_samples;
}

std::vector<std::string> CellRuns::methods() const {
  std::vector<std::string> names;
  if (tests_pretraining) names.push_back(pretraining.method());
  for (const Run& run : finetuning) names.push_back(run.method());
  return names;
}

CellRuns plan_cell(const Experiment& experiment, const RunOptions& options, const ExperimentData& data,
                   const Cell& cell, const std::vector<std::string>& methods) {
  CellRuns runs{.cell = cell,
                .pretraining = make_run(experiment, options, data, cell, std::string(kPretraining)),
                .tests_pretraining = std::ranges::find(methods, kPretraining) != methods.end(),
                .finetuning = {}};
  for (const std::string& method : experiment.table().methods()) {
    if (method == kPretraining || std::ranges::find(methods, method) == methods.end()) continue;
    runs.finetuning.push_back(make_run(experiment, options, data, cell, method));
  }
  return runs;
}

Json order_of(const CellRuns& runs) {
  const Cell& cell = runs.cell;
  return {{"noise", cell.noise}, {"rate", cell.rate},   {"seed", cell.seed},
          {"fold", cell.fold},   {"folds", cell.folds}, {"methods", runs.methods()}};
}

CellRuns plan_order(const Experiment& experiment, const RunOptions& options, const ExperimentData& data,
                    const Json& order) {
  const Cell cell{order.at("noise"), order.at("rate"), order.at("seed"), order.at("fold"), order.at("folds")};
  return plan_cell(experiment, options, data, cell, order.at("methods"));
}

std::vector<Cell> all_cells_of(const RunOptions& options) {
  std::vector<Cell> cells;
  for (const std::string& noise : options.noises) {
    for (const double rate : rates_of(options, noise)) {
      for (const uint64_t seed : options.seeds) cells.push_back({noise, rate, seed});
    }
  }
  return cells;
}

std::vector<Cell> cells_of(const RunOptions& options) {
  const std::vector<Cell> all = all_cells_of(options);
  if (!options.shard) return all;
  std::vector<Cell> own;
  for (size_t i = 0; i < all.size(); ++i)
    if (options.shard->has(i)) own.push_back(all[i]);
  return own;
}

std::vector<CellRuns> plan_runs(const Experiment& experiment, const RunOptions& options, const ExperimentData& data) {
  std::vector<CellRuns> cells;
  for (const Cell& cell : cells_of(options)) {
    for (int fold = 1; fold <= options.cross_fitting.folds; ++fold) {
      cells.push_back(
          plan_cell(experiment, options, data, fold_of(cell, fold, options.cross_fitting.folds), options.methods));
    }
    cells.push_back(plan_cell(experiment, options, data, cell, options.methods));
  }
  return cells;
}

}  // namespace cofactor
