// A run whose weights are written, for an experiment's own report of it.
#pragma once

#include <filesystem>

#include "experiments/report/cross_fitted.h"
#include "experiments/report/results.h"
#include "experiments/training/evaluate.h"
#include "experiments/training/phase.h"
#include "experiments/training/progress.h"
#include "layers/module.h"

namespace cofactor {

struct FinishedRun {
  const Result& result;
  Module& model;           // with the selected weights
  const NoisyData& noisy;  // training and validation samples with their labels as given
  const Predictions& test;
  const CrossFitted* folds;  // null without cross-fitting
  Device device;
  int workers;                   // threads that read batches ahead
  std::filesystem::path folder;  // of the run
  Progress& progress;
};

}  // namespace cofactor
