// Trains and tests the runs of one cell: pre-training once, then each method from a copy of its weights. In the cell of
// a fold they are not tested, but judge the samples that they have not seen (cross_fitting.h).
//
// Ranks that share the batches (TrainerOptions::ranks) run the same cells together. Rank 0 writes the files and has the
// results; the others read some of these files, so that all need the same folder of --out.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "experiments/report/results.h"
#include "experiments/sweep/cross_fitting.h"
#include "experiments/sweep/experiment.h"
#include "experiments/sweep/options.h"
#include "experiments/sweep/run.h"
#include "experiments/training/phase.h"
#include "experiments/training/progress.h"

namespace cofactor {

// The training and validation labels under a cell's noise. Depends on the seed and on each sample alone.
NoisyData add_noise(const DataSplits& data, const Transition& transition, uint64_t seed);

// Throws RunFailed, naming the class, where the training or validation labels carry no signal for the loss.
void check_informative(const Loss& loss, const NoisyData& data, const std::vector<std::string>& class_names,
                       const std::string& label);

class CellRunner {
 public:
  // All must live while this does. `finished` gets each result once the run's weights are written.
  CellRunner(const Experiment& experiment, const RunOptions& options, const ExperimentData& data, Progress& progress,
             std::function<void(const Result&)> finished)
      : experiment_(experiment), options_(options), data_(data), progress_(progress), finished_(std::move(finished)) {}

  // Returns how many runs failed, after saying why. A failed pre-training counts as one, and nothing is fine-tuned.
  int run(const CellRuns& cell);

 private:
  struct CellSamples {
    NoisyData given;             // all, with the noise
    std::optional<Folds> folds;  // of cross-fitting
    NoisyData trained;           // what the cell trains on: all, those outside its fold, or an amendment of all
  };
  CellSamples samples_of(const Cell& cell);
  int run(const CellRuns& cell, const CellSamples& samples);
  struct Trained {
    std::vector<EpochMetrics> history;
    std::vector<Candidate> candidates{};  // of a search
  };
  // `asked` false: a pre-training that is only fine-tuned from, and not profiled.
  Trained train(const Run& run, const Phase& phase, const NoisyData& noisy, Module& model, bool asked = true);
  Trained search(const Run& run, const NoisyData& noisy, Module& model, const std::vector<NamedTensor>& pretrained);
  void finish(const Run& run, const CellSamples& samples, Module& model, const Trained& trained);
  void judge_fold(const Run& run, const CellSamples& samples, Module& model);
  void report(const Run& run, const CellSamples& samples, Module& model, const Result& result, const Predictions& test);
  Predictions outputs_for(const Split& split, Module& model, std::string_view what) const;
  void record_matrices(const Run& run, const Predictions& validation, const Confusion& test);
  void announce(const Result& result, bool permuted);
  void report_failure(const Error& error);

  const Experiment& experiment_;
  const RunOptions& options_;
  const ExperimentData& data_;
  Progress& progress_;
  std::function<void(const Result&)> finished_;
  std::vector<float> reference_;  // of a fold: what pre-training predicts for the samples that it has not seen
};

}  // namespace cofactor
