// What the optimizers share.
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

  // One update. Parameters without a gradient are left alone.
  virtual void step() = 0;
  // Forgets the gradients.
  void zero_grad();

  double lr() const { return lr_; }
  // Throws Error unless the rate is finite and at least 0.
  void set_lr(double lr);

  // How many updates every parameter has had, where a device replays them. Throws Error where parameters differ in it.
  int64_t updates() const;
  void set_updates(int64_t updates);

  // Everything that a resumed run needs beside the parameters, copied to the host: moments by parameter name
  // ("conv1.weight.exp_avg"; a parameter that was never updated has none) and "step", (P) i32: how many updates each
  // parameter has had. load_state throws Error where names, shapes or dtypes do not fit, and then changes nothing.
  std::vector<NamedTensor> state() const;
  void load_state(const std::vector<NamedTensor>& state);

 protected:
  // One moment for each parameter: "momentum_buffer", undefined before the parameter's first update.
  struct Moments {
    std::string_view name;
    std::vector<Tensor> tensors;
  };
  // All parameters are leaves on one device, `moments` names what is kept of each. `op` names the optimizer in errors.
  // Throws Error where that does not hold, and for a bad rate.
  Optimizer(std::string_view op, std::vector<NamedTensor> parameters, double lr,
            const std::vector<std::string_view>& moments);

  // Counts an update of every parameter that has a gradient. Returns these parameters' numbers by how many updates each
  // has had, this one included: one entry, unless some parameters have gone without a gradient before.
  std::map<int64_t, std::vector<size_t>> count_updates();

  std::string_view op_;
  std::vector<NamedTensor> parameters_;
  std::vector<Moments> moments_;
  std::vector<int64_t> steps_;  // updates of each parameter so far
  double lr_ = 0.0;
};

}  // namespace cofactor
