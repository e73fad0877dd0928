// An experiment is a table: data, network, noise, hyperparameters. The protocol (protocol.h) is the same for all.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "data/noise.h"
#include "engine/optim/schedule.h"
#include "layers/module.h"

namespace cofactor {

enum class OptimizerKind { adam, sgd };

// The hyperparameters of one training phase.
struct TrainingPlan {
  OptimizerKind optimizer = OptimizerKind::adam;
  double lr = 1e-4;                  // of the first epoch
  std::vector<RateFrom> lr_steps{};  // later rates, by epoch from 0 within the phase
  double momentum = 0.0;             // SGD only
  double weight_decay = 0.0;
  int epochs = 20;
  int64_t batch_size = 128;
};

struct DataSplits {
  Split train, validation, test;  // with clean labels
};

struct Experiment {
  std::string name;         // of the executable, the results and the folder below runs/
  std::string description;  // one line for --help
  std::string paper;        // the paper's values, for --help
  std::vector<std::string> class_names;
  std::vector<std::string> noises;  // in the paper's order: --case 1 is the first
  // T(y, y~) of a noise at a rate; called with names from `noises` and rates in [0, 1] only.
  std::function<TransitionMatrix(std::string_view noise, double rate)> transition;
  std::function<DataSplits(const std::filesystem::path& directory)> load;
  // A freshly initialised network: logits (N, classes) from inputs (N, ...). The seed decides the weights.
  std::function<std::unique_ptr<Module>(uint64_t seed, Device device)> make_model;

  TrainingPlan pretraining;                                      // with cross entropy; method "ce" is its result
  std::vector<std::pair<std::string, TrainingPlan>> finetuning;  // the other methods, each from CE's weights

  // Defaults of the command line.
  std::filesystem::path default_data;
  std::vector<std::string> default_noises, default_methods;
  std::vector<double> default_rates;
  std::vector<uint64_t> default_seeds = {1};

  // "ce" and the methods that fine-tune.
  std::vector<std::string> methods() const {
    std::vector<std::string> names = {"ce"};
    for (const auto& [method, plan] : finetuning) names.push_back(method);
    return names;
  }
};

}  // namespace cofactor
