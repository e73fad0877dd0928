// The sum of the losses of an epoch's steps, in the order of the steps.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/tensor.h"

namespace cofactor {

// The place of a step: its number within the phase, from 0, and its epoch and its batch within the epoch, from 1.
struct StepPlace {
  int64_t step = 0;
  int epoch = 0;
  int64_t batch = 0;
};

// The losses of replayed steps stay on the device and are read several at a time, since reading waits for the device.
// They are added one by one, so that the sum does not depend on when they are read.
class LossSum {
 public:
  // `examine` gets each loss that was left on the device when it is read, and throws where it must not be added.
  explicit LossSum(std::function<void(double value, const StepPlace& at)> examine) : examine_(std::move(examine)) {}

  // Starts an epoch. `sum` is that of the part that an earlier process has done.
  void restart(double sum);
  // Adds a known loss, after those that wait.
  void add(double value);
  // Copies a scalar, to be added later; the tensor may then be overwritten.
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
