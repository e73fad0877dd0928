// An experiment: a data set, its network, its label noises and its hyperparameters. The protocol (protocol.h) is the
// same for all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/noise/transition.h"
#include "experiments/sweep/experiment_data.h"
#include "experiments/sweep/flags.h"
#include "experiments/training/plan.h"
#include "losses/make_loss.h"

namespace cofactor {

// The method that is pre-training, with cross entropy. All others fine-tune its weights.
inline constexpr std::string_view kPretraining = "ce";

// The learning rates and batch sizes of fine-tuning among which --search chooses.
struct SearchGrid {
  std::vector<double> lrs;
  std::vector<int64_t> batch_sizes;
};

// The constants of an experiment.
struct ExperimentTable {
  std::string name;                        // of the executable, the results and the folder below runs/
  std::string description;                 // one line for --help
  std::string paper;                       // the paper's values, for --help
  std::vector<std::string> class_names{};  // empty where Experiment::find_classes finds them
  std::vector<std::string> noises{};  // its own, in the paper's order: --case 1 is the first; noises.h has the others

  TrainingPlan pretraining{};
  std::vector<std::pair<std::string, TrainingPlan>> finetuning{};  // the plan of each other method
  MethodOptions loss{};                                            // the losses' options, where no flag is given
  bool steps_follow_epochs = false;  // --epochs moves the epochs at which rates change, as --epoch-factor does
  SearchGrid search = {{1e-4, 1e-5, 1e-6}, {128, 256}};  // the paper's, for every method that fine-tunes

  // Defaults of the command line.
  std::filesystem::path default_data{};
  std::vector<std::string> default_noises{}, default_methods{};
  std::vector<double> default_rates{};
  std::vector<uint64_t> default_seeds = {1};
  int default_workers = 1;

  // kPretraining and the methods that fine-tune.
  std::vector<std::string> methods() const;
  // Gives this plan to every method of loss_names() that has none yet.
  void finetune_others(const TrainingPlan& plan);
};

// Cross-fitting: before the networks of a cell, one is trained for each fold, on the samples of the others.
struct CrossFitting {
  int folds = 0;  // 0: none
  std::string
      amendment{};      // what the cell's networks are trained on: "drop-suspects", "relabel"; empty: labels as given
  std::string judge{};  // the method whose folds decide the suspects of an amendment
};

// The folders of --data and --out.
struct Folders {
  std::filesystem::path data, out;
};

class Experiment {
 public:
  virtual ~Experiment() = default;
  Experiment(const Experiment&) = delete;
  Experiment& operator=(const Experiment&) = delete;

  const ExperimentTable& table() const { return table_; }

  // A sweep calls these in the order in which they stand here; each gets what an earlier one has returned.

  // Adds the experiment's own flags, whose variables are its members.
  virtual void add_flags(Flags& flags);
  // The command line is parsed and no data is read. Throws UsageError where the experiment's own flags contradict.
  virtual void check_flags() const {}
  // Whether the experiment has --skip-broken and it was not given, so that messages may recommend it.
  virtual bool may_skip_broken() const { return false; }
  // What the experiment's flags ask of cross-fitting, among these methods. Throws UsageError.
  virtual CrossFitting cross_fitting(const std::vector<std::string>& /*methods*/) const { return {}; }
  // The names of the classes. Where they depend on the data this reads names of files only. Throws UsageError and
  // Error.
  virtual std::vector<std::string> find_classes(const Folders& folders) const;
  // T(y, y~) of one of the table's noises at a rate in [0, 1]; by default those of paper_noises.h. Throws UsageError
  // where the noise does not fit the classes.
  virtual Transition transition(const std::vector<std::string>& classes, std::string_view noise, double rate) const;
  // Reads the data. Throws UsageError and Error.
  virtual ExperimentData load(const Folders& folders, const std::vector<std::string>& classes) const = 0;

 protected:
  explicit Experiment(ExperimentTable table) : table_(std::move(table)) {}

 private:
  ExperimentTable table_;
};

}  // namespace cofactor
