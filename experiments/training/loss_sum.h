// The sum of the losses of an epoch's steps, in the order of the steps.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/tensor.h"

namespace cofactor {

// Where a step stands: its number within the phase, from 0; its epoch and its batch within it, from 1.
struct StepPlace {
  int64_t step = 0;
  int epoch = 0;
  int64_t batch = 0;
};

// Losses of steps that a device replays stay there and are read some at a time, since reading waits for the device.
// They are added one by one, so that the sum does not depend on when they are read.
class LossSum {
 public:
  // `examine` sees each loss that was left on the device when it is read, and throws where it is not to be added.
  explicit LossSum(std::function<void(double value, const StepPlace& at)> examine) : examine_(std::move(examine)) {}

  // Begins anew, at the sum of a part of the epoch that another process has done.
  void restart(double sum);
  // Adds a loss that is known, after those that wait.
  void add(double value);
  // Adds a scalar later, which may be overwritten from now on.
  void add_later(const Tensor& loss, const StepPlace& at);
  // Reads what waits, and returns the sum.
  double read();

 private:
  std::function<void(double, const StepPlace&)> examine_;
  double sum_ = 0.0;
  Tensor waiting_;                 // on the device
  std::vector<StepPlace> places_;  // of those that wait
};

}  // namespace cofactor
