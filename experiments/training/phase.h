// One training phase, pre-training or the fine-tuning of one method: what it trains with, how its best epoch is chosen,
// where its files are and how far it has come.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "experiments/training/checkpoint.h"
#include "experiments/training/plan.h"

namespace cofactor {

// What selects the best epoch. Among equal accuracies the lower validation loss decides: where the noisy majority is
// the best prediction for every sample, all epochs have one accuracy, and the first of them has learned least (from
// there DMI does not train: docs/reproduction.md). Among equals the first epoch is selected.
enum class Selection { validation_accuracy, validation_loss };

// The place of the best epoch in a history that is not empty.
size_t best_epoch(const std::vector<EpochMetrics>& history, Selection selection);

struct Phase {
  std::string label;     // for messages: "clothes-to-bags, rate 0.8, seed 1, dmi"
  std::string settings;  // a JSON object: everything that decides the weights
  std::filesystem::path folder;
  TrainingPlan plan;
  Selection selection = Selection::validation_loss;
  uint64_t seed = 1;
  // Fine-tuning continues the count of pre-training's epochs, so that it draws other batches. Dropout masks differ too.
  int first_epoch = 0;

  bool is_finetuning() const { return first_epoch > 0; }
  std::filesystem::path weights_file() const { return folder / "weights.safetensors"; }
  std::filesystem::path checkpoint_file() const { return folder / "checkpoint.safetensors"; }
  std::filesystem::path metrics_file() const { return folder / "metrics.jsonl"; }
};

// The splits with the labels that training sees.
struct NoisyData {
  Split train, validation;
};

// How far a phase has come.
struct PhaseState {
  std::vector<EpochMetrics> history;  // of the finished epochs
  PartialEpoch partial;               // of the epoch under way; no batches between two epochs
  std::vector<NamedTensor> best;      // the weights of the best epoch so far

  // Of the weights since the phase began: one for each batch that was not skipped.
  int64_t updates() const;
};

}  // namespace cofactor
