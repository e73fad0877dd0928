#include "engine/optim/sgd.h"

#include <cmath>

#include "engine/backend.h"

namespace cofactor {

namespace {

SgdOptions checked(const SgdOptions& options) {
  const auto& [lr, momentum, dampening, weight_decay, nesterov] = options;
  check(std::isfinite(momentum) && momentum >= 0.0, "sgd: momentum is {}, expected at least 0", momentum);
  check(std::isfinite(dampening), "sgd: dampening is {}, expected a finite number", dampening);
  check(std::isfinite(weight_decay) && weight_decay >= 0.0, "sgd: weight decay is {}, expected at least 0",
        weight_decay);
  check(!nesterov || (momentum > 0.0 && dampening == 0.0),
        "sgd: Nesterov's variant needs momentum and no dampening, here momentum is {} and dampening {}", momentum,
        dampening);
  return options;
}

std::vector<std::string_view> moments_of(const SgdOptions& options) {
  if (options.momentum == 0.0) return {};
  return {"momentum_buffer"};
}

}  // namespace

Sgd::Sgd(std::vector<NamedTensor> parameters, const SgdOptions& options)
    : Optimizer("sgd", std::move(parameters), options.lr, moments_of(options)), options_(checked(options)) {}

void Sgd::step() {
  SgdParams params{.lr = lr_,
                   .momentum = options_.momentum,
                   .dampening = options_.dampening,
                   .weight_decay = options_.weight_decay,
                   .nesterov = options_.nesterov};
  for (const auto& [count, members] : count_updates()) {
    params.first_step = count == 1;
    std::vector<SgdSlot> slots;
    slots.reserve(members.size());
    for (const size_t i : members) {
      const Tensor& param = parameters_[i].tensor;
      if (params.first_step)  // a first step reads no moment
        for (Moments& moments : moments_)
          moments.tensors[i] = Tensor::empty(param.shape(), param.dtype(), param.device());
      slots.push_back({param, param.grad(), moments_.empty() ? Tensor() : moments_.front().tensors[i]});
    }
    slots.front().param.backend().sgd_step(slots, params);
  }
}

}  // namespace cofactor
