// The command line that every experiment shares. A flag means the same everywhere.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/report/results.h"
#include "experiments/report/shards.h"
#include "experiments/sweep/experiment.h"
#include "experiments/sweep/program.h"
#include "experiments/training/step_profile.h"
#include "experiments/training/trainer_options.h"
#include "losses/make_loss.h"

namespace cofactor {

struct RunOptions {
  std::filesystem::path data;
  std::filesystem::path out;                   // of a shard: its own, below the sweep's
  std::vector<std::filesystem::path> known{};  // files or folders of runs that are not run again
  std::vector<std::string> class_names;        // the experiment's, or those found in the folder of data
  // What to run: every combination of noise, rate and seed is a cell; each cell is trained with every method.
  std::vector<std::string> noises, methods;
  std::vector<double> rates;
  std::vector<uint64_t> seeds;
  std::optional<Shard> shard{};  // which of these cells; not set: all
  CrossFitting cross_fitting{};
  // Where set, these replace the experiment's hyperparameters.
  std::optional<int> epochs;                // of pre-training and of fine-tuning
  std::optional<double> epoch_factor;       // of both numbers of epochs, and of the epochs at which rates change
  std::optional<int64_t> batch_size;        // of both
  std::optional<SearchGrid> search;         // fine-tuning chooses among these; lr and batch_size are then not set
  std::optional<double> lr;                 // of fine-tuning; later steps of a schedule keep their proportion
  std::optional<double> pretrain_lr;        // of pre-training, likewise
  std::optional<int64_t> limit;             // the first N training samples
  std::optional<int64_t> validation_limit;  // the first N validation samples
  std::string precision = "f32";
  TrainerOptions trainer;
  int jobs = 1;                             // cells at once, each in a process of its own with its share of the threads
  std::optional<ProfileOptions> profile{};  // of a step
  MethodOptions loss;                       // the experiment's, with what the command line replaces
  std::optional<Transition> transition;     // in the file of --transition
  std::string worker{};                     // what the process that started this one wants trained (jobs.h); else empty

  std::filesystem::path results_file() const { return out / "results.jsonl"; }
  // The folder of --out, which all shards of a sweep share.
  std::filesystem::path sweep_folder() const { return shard ? out.parent_path() : out; }
};

// Parses and validates everything that can be judged without the data; the experiment gets its flags and finds its
// classes. Returns nothing where --help was given, and printed. Throws UsageError with a sentence that says what was
// expected.
// `ranks`: those of which this process is one, all of which call it; null where it is alone.
std::optional<RunOptions> parse_options(Experiment& experiment, int argc, const char* const* argv,
                                        Communicator* ranks = nullptr);

// The plan of a method: the experiment's, with what the command line replaces. Throws UsageError for a method that the
// experiment does not have.
TrainingPlan plan_of(const Experiment& experiment, const RunOptions& options, std::string_view method);

// The batch sizes that a method is trained with: one, or those of a search.
std::vector<int64_t> batch_sizes_of(const Experiment& experiment, const RunOptions& options, std::string_view method);

// Every combination of a grid, with the rates in the outer loop and without results; and a plan with the values of one.
std::vector<Candidate> candidates_of(const SearchGrid& grid);
TrainingPlan with_candidate(TrainingPlan plan, const Candidate& candidate);

}  // namespace cofactor
