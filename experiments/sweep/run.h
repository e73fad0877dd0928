// The runs of a sweep, planned before the first is trained: one run for each method of each cell.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "experiments/report/results.h"
#include "experiments/sweep/experiment.h"
#include "experiments/sweep/options.h"
#include "experiments/training/phase.h"

namespace cofactor {

// A combination of noise, rate and seed. Every method of a cell starts from the same pre-training.
struct Cell {
  std::string noise;
  double rate = 0.0;
  uint64_t seed = 1;
  int fold = 0;   // of cross-fitting, from 1: the samples of this fold are left out; 0: none are
  int folds = 0;  // how many there are; of a cell with a fold

  std::string label() const;             // "clothes-to-bags, rate 0.8, seed 1", and ", fold 2"
  std::filesystem::path folder() const;  // "clothes-to-bags-rate0.8-seed1", and "/fold2of5"
};

// The cell of a fold of another's samples.
Cell fold_of(Cell cell, int fold, int folds);

// The folder of a method's run.
std::filesystem::path run_folder(const RunOptions& options, const Cell& cell, const std::string& method);

// One way to fine-tune in a search.
struct CandidateRun {
  Candidate candidate;
  Phase phase;
};

struct Run {
  Cell cell;
  Phase phase;                             // what is trained, from which settings, and its folder
  Result result;                           // the result to be, without its numbers: key, settings and machine; a fold
                                           // has none, and its settings are those of what it judges
  std::vector<CandidateRun> candidates{};  // of a search, which trains these in place of the phase

  const std::string& method() const { return result.method; }
  bool is_pretraining() const { return method() == kPretraining; }
  // Training samples that the run visits over all epochs.
  int64_t samples(int64_t training_samples) const;
};

// The runs of one cell.
struct CellRuns {
  Cell cell;
  Run pretraining;         // always trained or loaded
  bool tests_pretraining;  // it is asked for itself
  std::vector<Run> finetuning;

  bool empty() const { return !tests_pretraining && finetuning.empty(); }
  std::vector<std::string> methods() const;  // those asked for, in the experiment's order
};

// Plans the given methods of a cell. Throws UsageError for a method that the experiment does not have.
CellRuns plan_cell(const Experiment& experiment, const RunOptions& options, const ExperimentData& data,
                   const Cell& cell, const std::vector<std::string>& methods);

// What another process of this sweep needs to plan the same runs of a cell: the cell and its methods, as a JSON object.
nlohmann::ordered_json order_of(const CellRuns& runs);
CellRuns plan_order(const Experiment& experiment, const RunOptions& options, const ExperimentData& data,
                    const nlohmann::ordered_json& order);

// The cells of the command line without those of folds, seeds innermost, whatever the shard.
std::vector<Cell> all_cells_of(const RunOptions& options);
// Those of the shard; all where there is none. They depend on the command line alone and not on what is finished, so
// that the shards of a sweep have each cell once, whenever they are started.
std::vector<Cell> cells_of(const RunOptions& options);

// Plans the cells of the command line with all its methods. The cells of folds come before the cell of all samples.
std::vector<CellRuns> plan_runs(const Experiment& experiment, const RunOptions& options, const ExperimentData& data);

}  // namespace cofactor
