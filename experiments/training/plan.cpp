#include "experiments/training/plan.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/optim/adam.h"
#include "engine/optim/sgd.h"

namespace cofactor {

TrainingPlan sgd_plan(double lr, int epochs) {
  return {.optimizer = OptimizerKind::sgd,
          .lr = lr,
          .momentum = 0.9,
          .weight_decay = 1e-4,
          .epochs = epochs,
          .batch_size = 128};
}

TrainingPlan with_lr(TrainingPlan plan, double lr) {
  for (RateFrom& step : plan.lr_steps) step.lr *= lr / plan.lr;
  plan.lr = lr;
  return plan;
}

TrainingPlan with_epoch_factor(TrainingPlan plan, double factor) {
  const auto scaled = [factor](int epochs) { return static_cast<int>(std::lround(factor * epochs)); };
  plan.epochs = std::max(1, scaled(plan.epochs));
  for (RateFrom& step : plan.lr_steps) step.epoch = scaled(step.epoch);
  return plan;
}

std::unique_ptr<Optimizer> make_optimizer(const TrainingPlan& plan, std::vector<NamedTensor> parameters) {
  if (plan.optimizer == OptimizerKind::sgd) {
    return std::make_unique<Sgd>(
        std::move(parameters), SgdOptions{.lr = plan.lr, .momentum = plan.momentum, .weight_decay = plan.weight_decay});
  }
  return std::make_unique<Adam>(std::move(parameters), AdamOptions{.lr = plan.lr, .weight_decay = plan.weight_decay});
}

}  // namespace cofactor
