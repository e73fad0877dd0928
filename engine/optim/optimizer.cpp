#include "engine/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "engine/autograd.h"
#include "engine/error.h"
#include "engine/state_reader.h"

namespace cofactor {

namespace {

constexpr const char* kStep = "step";

void check_parameters(std::string_view op, const std::vector<NamedTensor>& parameters) {
  check(!parameters.empty(), "{}: there are no parameters", op);
  std::set<std::string> names;
  std::set<const Node*> leaves;
  for (const auto& [name, tensor] : parameters) {
    check(names.insert(name).second, "{}: two parameters are named '{}'", op, name);
    check(tensor.requires_grad(), "{}: parameter '{}' does not require a gradient", op, name);
    check(tensor.is_leaf(), "{}: parameter '{}' is the output of {}, expected a leaf", op, name, tensor.node()->op);
    check(leaves.insert(tensor.node().get()).second, "{}: parameter '{}' is listed twice, under two names", op, name);
    check(tensor.device() == parameters.front().tensor.device(), "{}: parameter '{}' is on {}, '{}' on {}", op, name,
          tensor.device(), parameters.front().name, parameters.front().tensor.device());
  }
}

}  // namespace

Optimizer::Optimizer(std::string_view op, std::vector<NamedTensor> parameters, double lr,
                     const std::vector<std::string_view>& moments)
    : op_(op), parameters_(std::move(parameters)), steps_(parameters_.size()) {
  check_parameters(op, parameters_);
  set_lr(lr);
  for (const std::string_view name : moments) moments_.push_back({name, std::vector<Tensor>(parameters_.size())});
}

void Optimizer::zero_grad() {
  for (const NamedTensor& parameter : parameters_) parameter.tensor.set_grad({});
}

void Optimizer::set_lr(double lr) {
  check(std::isfinite(lr) && lr >= 0.0, "{}: the learning rate is {}, expected a finite number of at least 0", op_, lr);
  lr_ = lr;
}

int64_t Optimizer::updates() const {
  for (size_t i = 1; i < steps_.size(); ++i)
    check(steps_[i] == steps_[0], "{}: parameter '{}' has had {} updates, '{}' {}: such steps cannot be replayed", op_,
          parameters_[i].name, steps_[i], parameters_[0].name, steps_[0]);
  return steps_[0];
}

void Optimizer::set_updates(int64_t updates) {
  std::ranges::fill(steps_, updates);
}

std::map<int64_t, std::vector<size_t>> Optimizer::count_updates() {
  std::map<int64_t, std::vector<size_t>> groups;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const auto& [name, tensor] = parameters_[i];
    const Tensor& grad = tensor.grad();
    if (!grad.defined()) continue;
    const bool narrow = grad.dtype() == DType::bf16 && tensor.dtype() == DType::f32;
    check(grad.shape() == tensor.shape() && (grad.dtype() == tensor.dtype() || narrow) &&
              grad.device() == tensor.device(),
          "{}: parameter '{}' is {} in {} on {}, its gradient {} in {} on {}", op_, name, tensor.shape(),
          tensor.dtype(), tensor.device(), grad.shape(), grad.dtype(), grad.device());
    groups[steps_[i] + 1].push_back(i);
  }
  for (const auto& [count, members] : groups)
    for (const size_t i : members) steps_[i] = count;
  return groups;
}

std::vector<NamedTensor> Optimizer::state() const {
  const std::vector<int32_t> steps(steps_.begin(), steps_.end());
  std::vector<NamedTensor> state{{kStep, Tensor::from(steps, {static_cast<int64_t>(steps.size())}, kHost)}};
  for (const Moments& moments : moments_) {
    for (size_t i = 0; i < parameters_.size(); ++i) {
      if (!moments.tensors[i].defined()) continue;
      state.push_back({fmt::format("{}.{}", parameters_[i].name, moments.name), moments.tensors[i].clone().to(kHost)});
    }
  }
  return state;
}

void Optimizer::load_state(const std::vector<NamedTensor>& state) {
  StateReader reader(op_, state);
  const Tensor saved_steps = reader.take(kStep, {static_cast<int64_t>(steps_.size())}, DType::i32);
  const std::vector<int32_t> steps = saved_steps.to_vector<int32_t>();
  for (size_t i = 0; i < steps.size(); ++i)
    check(steps[i] >= 0, "{}: parameter '{}' has had {} updates in the state", op_, parameters_[i].name, steps[i]);
  std::vector<Moments> loaded = moments_;
  for (Moments& moments : loaded) {
    for (size_t i = 0; i < parameters_.size(); ++i) {
      const auto& [name, tensor] = parameters_[i];
      moments.tensors[i] = {};
      if (steps[i] == 0) continue;
      const auto saved = reader.take(fmt::format("{}.{}", name, moments.name), tensor.shape(), tensor.dtype());
      moments.tensors[i] = Tensor::empty(tensor.shape(), tensor.dtype(), tensor.device());
      moments.tensors[i].copy_from(saved);
    }
  }
  reader.check_finished();
  moments_ = std::move(loaded);
  steps_.assign(steps.begin(), steps.end());
}

}  // namespace cofactor
