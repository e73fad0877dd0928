#include "experiments/sweep/experiment.h"

#include <algorithm>

#include "experiments/sweep/paper_noises.h"

namespace cofactor {

std::vector<std::string> ExperimentTable::methods() const {
  std::vector<std::string> names = {std::string(kPretraining)};
  for (const auto& [method, plan] : finetuning) names.push_back(method);
  return names;
}

void ExperimentTable::finetune_others(const TrainingPlan& plan) {
  const std::vector<std::string> planned = methods();
  for (const std::string& method : loss_names()) {
    if (std::ranges::find(planned, method) == planned.end()) finetuning.push_back({method, plan});
  }
}

void Experiment::add_flags(Flags& flags) {
  (void)flags;
}

std::vector<std::string> Experiment::find_classes(const Folders& folders) const {
  (void)folders;
  return table_.class_names;
}

Transition Experiment::transition(const std::vector<std::string>& classes, std::string_view noise, double rate) const {
  return paper_noise(noise, classes, rate);
}

}  // namespace cofactor
