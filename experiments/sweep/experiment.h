// An experiment is a table: data, network, noise, hyperparameters. The protocol (protocol.h) is the same for all.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "data/noise/synthetic.h"
#include "engine/optim/schedule.h"
#include "layers/module.h"
#include "losses/make_loss.h"

namespace CLI {
class App;
}

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

// SGD as the paper has it for images: momentum 0.9, weight decay 1e-4, batch size 128 (section 5.2).
inline TrainingPlan sgd_plan(double lr, int epochs) {
  return {.optimizer = OptimizerKind::sgd,
          .lr = lr,
          .momentum = 0.9,
          .weight_decay = 1e-4,
          .epochs = epochs,
          .batch_size = 128};
}

struct DataSplits {
  Split train, validation, test;  // before noise
};

// What a part of the data holds, as inputs.h finds it.
struct PartInputs {
  std::string labels, content;      // checksums: of the labels as given; of the samples' places, names and contents
  std::vector<uint64_t> checksums;  // of what each sample holds
};
struct DataInputs {
  PartInputs train, validation, test;
};

struct FinishedRun;  // cell_runner.h

// What an experiment runs on.
struct ExperimentData {
  DataSplits splits;
  // A freshly initialised network: logits (N, classes) from inputs (N, ...). The seed decides the weights.
  std::function<std::unique_ptr<Module>(uint64_t seed, Device device)> make_model;
  // JSON objects, or empty: what decides results from the experiment's own flags, and what of the data does beside the
  // samples and labels of the splits (a vocabulary, say).
  std::string settings{}, data_settings{};
  // What a person should know of the data before the sweep, a line each: images that were left out, say.
  std::vector<std::string> notes{};
  // An experiment's own report of a run, written before its result is; or empty.
  std::function<void(const FinishedRun&)> report{};
  // Found once, when the data is loaded (inputs.h): a run's identity is what it learned from.
  DataInputs inputs{};
};

// The learning rates and batch sizes of fine-tuning among which --search chooses.
struct SearchGrid {
  std::vector<double> lrs;
  std::vector<int64_t> batch_sizes;
};

struct Experiment {
  std::string name;         // of the executable, the results and the folder below runs/
  std::string description;  // one line for --help
  std::string paper;        // the paper's values, for --help
  std::vector<std::string> class_names;
  // Where they depend on the data: finds them in the folder of --data, and class_names is empty until then. Reads
  // names only. Throws UsageError and Error.
  std::function<std::vector<std::string>(const std::filesystem::path& directory)> find_classes{};
  std::vector<std::string> noises;  // in the paper's order: --case 1 is the first; noises.h has those of all
  // T(y, y~) of a noise at a rate; called with names from `noises` and rates in [0, 1] only.
  std::function<Transition(std::string_view noise, double rate)> transition;
  std::function<ExperimentData(const std::filesystem::path& directory)> load;
  // Flags of the experiment's own; load reads what they filled. check_flags judges them once all are parsed, before any
  // data is read, and throws UsageError. Either may be empty.
  std::function<void(CLI::App& app)> add_flags{};
  std::function<void()> check_flags{};

  TrainingPlan pretraining;                                      // with cross entropy; method "ce" is its result
  std::vector<std::pair<std::string, TrainingPlan>> finetuning;  // the other methods, each from CE's weights
  LossOptions loss{};                                            // the methods' options, where no flag is given
  SearchGrid search = {{1e-4, 1e-5, 1e-6}, {128, 256}};          // the paper's, for every method that fine-tunes

  // Defaults of the command line.
  std::filesystem::path default_data;
  std::vector<std::string> default_noises, default_methods;
  std::vector<double> default_rates;
  std::vector<uint64_t> default_seeds = {1};
  int default_workers = 1;

  // "ce" and the methods that fine-tune.
  std::vector<std::string> methods() const {
    std::vector<std::string> names = {"ce"};
    for (const auto& [method, plan] : finetuning) names.push_back(method);
    return names;
  }

  // Gives every method that has no plan so far, of all that there are, this one.
  void finetune_others(const TrainingPlan& plan) {
    const std::vector<std::string> planned = methods();
    for (const std::string& method : loss_names()) {
      if (std::ranges::find(planned, method) == planned.end()) finetuning.push_back({method, plan});
    }
  }
};

}  // namespace cofactor
