#include "engine/optim/adam.h"

#include <cmath>

#include "engine/backend.h"

namespace cofactor {

namespace {

AdamOptions checked(const AdamOptions& options) {
  for (const double beta : {options.beta1, options.beta2})
    check(beta >= 0.0 && beta < 1.0, "adam: the betas are {} and {}, expected [0, 1)", options.beta1, options.beta2);
  check(std::isfinite(options.epsilon) && options.epsilon >= 0.0, "adam: epsilon is {}, expected at least 0",
        options.epsilon);
  check(std::isfinite(options.weight_decay) && options.weight_decay >= 0.0,
        "adam: weight decay is {}, expected at least 0", options.weight_decay);
  return options;
}

}  // namespace

Adam::Adam(std::vector<NamedTensor> parameters, const AdamOptions& options)
    : Optimizer("adam", std::move(parameters), options.lr, {"exp_avg", "exp_avg_sq"}), options_(checked(options)) {}

void Adam::step() {
  AdamParams params{.lr = lr_,
                    .beta1 = options_.beta1,
                    .beta2 = options_.beta2,
                    .epsilon = options_.epsilon,
                    .weight_decay = options_.weight_decay};
  for (const auto& [count, members] : count_updates()) {
    params.step = count;
    std::vector<AdamSlot> slots;
    slots.reserve(members.size());
    for (const size_t i : members) {
      const Tensor& param = parameters_[i].tensor;
      if (count == 1)
        for (Moments& moments : moments_)
          moments.tensors[i] = Tensor::zeros(param.shape(), param.dtype(), param.device());
      slots.push_back({param, param.grad(), moments_[0].tensors[i], moments_[1].tensors[i]});
    }
    slots.front().param.backend().adam_step(slots, params);
  }
}

}  // namespace cofactor
