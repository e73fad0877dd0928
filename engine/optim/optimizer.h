// The base of the optimizers.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "engine/named_tensor.h"

namespace cofactor {

// Updates parameters in place from the gradients that backward left in them.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // One update. Parameters without a gradient are left unchanged.
  virtual void step() = 0;
  // Clears the gradients.
  void zero_grad();

  double lr() const { return lr_; }
  // Throws Error where the rate is negative or not finite.
  void set_lr(double lr);

  // The number of updates that every parameter has had, for steps that a device replays. Throws Error where parameters
  // differ in it.
  int64_t updates() const;
  void set_updates(int64_t updates);

  // What a resumed run needs beside the parameters, copied to the host: moments by parameter name
  // ("conv1.weight.exp_avg"; a parameter that was never updated has none) and "step", (P) i32, the number of updates of
  // each parameter. load_state throws Error where names, shapes or dtypes do not match, and then changes nothing.
  std::vector<NamedTensor> state() const;
  void load_state(const std::vector<NamedTensor>& state);

 protected:
  // One moment per parameter ("momentum_buffer", say), undefined before the parameter's first update.
  struct Moments {
    std::string_view name;
    std::vector<Tensor> tensors;
  };
  // The parameters are leaves on one device; `moments` names what is kept per parameter; `op` names the optimizer in
  // errors. Throws Error where the parameters are not that, and for a bad rate.
  Optimizer(std::string_view op, std::vector<NamedTensor> parameters, double lr,
            const std::vector<std::string_view>& moments);

  // Counts an update of every parameter that has a gradient. Returns the positions of these parameters by the number of
  // updates they have had, this one included: one entry, unless some parameters had no gradient in an earlier step.
  std::map<int64_t, std::vector<size_t>> count_updates();

  std::string_view op_;
  std::vector<NamedTensor> parameters_;
  std::vector<Moments> moments_;
  std::vector<int64_t> steps_;  // updates of each parameter so far
  double lr_ = 0.0;
};

}  // namespace cofactor
