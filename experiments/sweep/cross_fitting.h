// Cross-fitting (--folds): each training and validation sample of a cell is judged by a network that was neither
// trained nor selected with it.
#pragma once

#include <cstdint>
#include <vector>

#include "experiments/report/cross_fitted.h"
#include "experiments/sweep/experiment_data.h"
#include "experiments/sweep/run.h"
#include "experiments/training/phase.h"

namespace cofactor {

// The fold of each training and validation sample, from 1.
struct Folds {
  int count = 0;
  std::vector<int32_t> train, validation;
};

// Deals the samples of a cell by part and label (data/folds.h). Depends on the labels, the groups and the seed. Throws
// RunFailed, naming the class, where the samples outside some fold lack a class that the part has.
Folds deal_folds(const NoisyData& data, const FoldData& fold_data, const std::vector<std::string>& class_names,
                 int count, uint64_t seed);

// The samples outside a fold.
NoisyData without_fold(const NoisyData& data, const Folds& folds, int fold);

// What the network of a fold predicts: the training and validation samples in it, and those that no network is trained
// with (test samples whose labels are judged, and samples without a label).
std::vector<Split> judged_by(const NoisyData& data, const Folds& folds, int fold, const ExperimentData& experiment);

// What the network of a fold says of the samples of judged_by: the content of its file (probabilities_file in run.h),
// (N, classes) for one split after the other.
struct FoldPrediction {
  std::vector<float> probabilities;
  bool permuted = false;  // whether the outputs stood in another order than the classes, and were put back
};
// `reference` holds the probabilities of another network for the same samples, by which the order of the outputs is
// found (data/noise/class_order.h); empty: it is taken as it is.
FoldPrediction predict_fold(Module& model, const std::vector<Split>& judged, const TrainerOptions& trainer,
                            const std::vector<float>& reference);

// Writes what a fold's network says into its folder: probabilities.npy, and judged.json, which says of which samples
// beside those of the fold.
void write_fold(const RunOptions& options, const ExperimentData& experiment, const Cell& cell,
                const std::string& method, const std::vector<float>& probabilities);
// Whether both files are there, and are about the samples that there are now.
bool is_judged(const RunOptions& options, const ExperimentData& experiment, const Cell& cell,
               const std::string& method);

// Collects the files of all folds' networks of a method. Throws RunFailed, naming the fold, where one is missing, and
// Error where one has another size.
CrossFitted collect_folds(const RunOptions& options, const ExperimentData& experiment, const NoisyData& data,
                          const Folds& folds, const Cell& cell, const std::string& method);

}  // namespace cofactor
