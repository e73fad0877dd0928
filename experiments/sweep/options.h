// The command line that every experiment shares, one meaning everywhere.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/sampler.h"
#include "engine/device.h"
#include "experiments/report/results.h"
#include "experiments/sweep/experiment.h"
#include "experiments/sweep/program.h"
#include "losses/make_loss.h"

namespace cofactor {

struct RunOptions {
  std::filesystem::path data, out;
  std::vector<std::string> class_names;  // the experiment's, or those found in the folder of data
  // What to run: every combination of noise, rate and seed is a cell; each cell is trained with every method.
  std::vector<std::string> noises, methods;
  std::vector<double> rates;
  std::vector<uint64_t> seeds;
  // Where set, these replace the experiment's hyperparameters.
  std::optional<int> epochs;                // of pre-training and of fine-tuning
  std::optional<int64_t> batch_size;        // of both
  std::optional<SearchGrid> search;         // fine-tuning chooses among these; lr and batch_size are then not set
  std::optional<double> lr;                 // of fine-tuning; later steps of a schedule keep their proportion
  std::optional<double> pretrain_lr;        // of pre-training, likewise
  std::optional<int64_t> limit;             // the first N training samples
  std::optional<int64_t> validation_limit;  // the first N validation samples
  Device device = Device::cpu;
  std::string precision = "f32";
  bool cuda_graph = true;  // training steps are recorded and replayed where the device can
  int threads = 1;         // of the host's kernels
  int jobs = 1;            // cells at once, each in a process of its own with its share of the threads
  int workers = 1;         // threads that read batches ahead
  SamplerKind sampler = SamplerKind::shuffled;
  double checkpoint_every = 300.0;  // seconds between checkpoints within an epoch; 0: none
  bool may_skip_broken = false;     // the experiment has --skip-broken, and it is not given
  LossOptions loss;
  std::string worker{};  // what the process that started this one wants trained (jobs.h); else empty
};

// Parses and validates everything that can be judged without the data. Nothing is returned where --help was asked for
// (and printed). Throws UsageError with a sentence that says what was expected.
std::optional<RunOptions> parse_options(const Experiment& experiment, int argc, const char* const* argv);

// The plan of a phase under the options: the experiment's, with what the command line replaces. `method` is "ce" (the
// pre-training) or one of the experiment's. Throws UsageError for another.
TrainingPlan plan_of(const Experiment& experiment, const RunOptions& options, std::string_view method);

// Every combination of a grid, the rates in the outer loop, none of them judged yet; and a plan that a candidate
// changes: later steps of its schedule keep their proportion.
std::vector<Candidate> candidates_of(const SearchGrid& grid);
TrainingPlan with_candidate(TrainingPlan plan, const Candidate& candidate);

}  // namespace cofactor
