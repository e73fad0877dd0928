// The hyperparameters of one training phase.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/optim/optimizer.h"
#include "engine/optim/schedule.h"

namespace cofactor {

enum class OptimizerKind { adam, sgd };

struct TrainingPlan {
  OptimizerKind optimizer = OptimizerKind::adam;
  double lr = 1e-4;                  // of the first epoch
  std::vector<RateFrom> lr_steps{};  // later rates; epochs count from 0 within the phase
  double momentum = 0.0;             // SGD only
  double weight_decay = 0.0;
  int epochs = 20;
  int64_t batch_size = 128;
};

// SGD as the paper has it for images: momentum 0.9, weight decay 1e-4, batch size 128 (section 5.2).
TrainingPlan sgd_plan(double lr, int epochs);

// The plan with another learning rate. The later rates keep their proportion to it.
TrainingPlan with_lr(TrainingPlan plan, double lr);

// The plan with its number of epochs times `factor`, at least one, and with it the epochs at which the rate changes.
TrainingPlan with_epoch_factor(TrainingPlan plan, double factor);

// An optimizer with the plan's learning rate, momentum and weight decay.
std::unique_ptr<Optimizer> make_optimizer(const TrainingPlan& plan, std::vector<NamedTensor> parameters);

}  // namespace cofactor
