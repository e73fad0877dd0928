// Trains and tests the methods of one cell: pre-training once, then each method from a copy of its weights.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "experiments/report/results.h"
#include "experiments/sweep/experiment.h"
#include "experiments/sweep/options.h"
#include "experiments/sweep/settings.h"
#include "experiments/training/evaluate.h"
#include "experiments/training/progress.h"
#include "experiments/training/trainer.h"

namespace cofactor {

// A result's key, settings and machine, without its numbers.
Result blank_result(const Experiment& experiment, const RunOptions& options, const ExperimentData& data,
                    const Cell& cell, const std::string& method);

// Training samples that the methods of a cell visit: pre-training, each method's epochs, and each candidate's.
int64_t samples_of(const Experiment& experiment, const RunOptions& options, const ExperimentData& data,
                   const std::vector<std::string>& methods);

// The training and validation labels under a cell's noise. Depends on the seed and on each sample alone.
NoisyData add_noise(const DataSplits& data, const Transition& transition, uint64_t seed);

// A run whose weights are on the disk, for an experiment's own report of it.
struct FinishedRun {
  const Result& result;
  Module& model;           // with the selected weights
  const NoisyData& noisy;  // the labels that it was trained and selected by
  const Predictions& test;
  const RunOptions& options;
  std::filesystem::path folder;  // of the run
  Progress& progress;
};

// Throws RunFailed, naming the class, where the training or validation labels leave the loss nothing to learn from.
void check_informative(const Loss& loss, const NoisyData& data, const Experiment& experiment, const std::string& label);

class CellRunner {
 public:
  // Each finished run goes to `finished`, once its weights are on the disk.
  CellRunner(const Experiment& experiment, const RunOptions& options, const ExperimentData& data, Progress& progress,
             std::function<void(const Result&)> finished)
      : experiment_(experiment), options_(options), data_(data), progress_(progress), finished_(std::move(finished)) {}

  // `methods` in the experiment's order, "ce" first where it is among them. Returns how many runs failed, after saying
  // why; those that follow from a failed pre-training count as one.
  int run(const Cell& cell, const std::vector<std::string>& methods);

 private:
  struct Trained {
    std::vector<EpochMetrics> history;
    std::vector<Candidate> candidates;  // of a search
  };
  bool guarded(int& failed, const std::function<void()>& run);
  Phase phase_of(const Cell& cell, const std::string& method) const;
  std::vector<EpochMetrics> train(const Phase& phase, const std::string& method, const NoisyData& noisy, Module& model);
  Trained search(const Cell& cell, const std::string& method, const NoisyData& noisy, Module& model,
                 const std::vector<NamedTensor>& pretrained);
  void finish(const Cell& cell, const std::string& method, const NoisyData& noisy, Module& model,
              const Trained& trained);
  void announce(const Result& result, bool permuted);

  const Experiment& experiment_;
  const RunOptions& options_;
  const ExperimentData& data_;
  Progress& progress_;
  std::function<void(const Result&)> finished_;
};

}  // namespace cofactor
