// A small matrix that is kept on the host and read on the devices. For the .cpp files of losses/ and their members.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/tensor.h"

namespace cofactor {

// A C x C matrix whose row y says something about label y. Its copies on the devices, one for each device and dtype
// that asks, live as long as it does and take new values in place: a recorded step (engine/captured_step.h) that has
// read one reads the new values when it is replayed.
class DeviceMatrix {
 public:
  // Row-major, classes * classes values; `classes` is the same in every call.
  void set(int64_t classes, std::vector<double> values);
  int64_t classes() const { return classes_; }
  // (N, C) in `dtype` (f32 or f64), without gradient: row labels[i] for each i. The first call for a device and dtype
  // copies from the host, which a step that is being recorded must not.
  Tensor rows(const Tensor& labels, DType dtype);

 private:
  Tensor on_host(DType dtype) const;

  int64_t classes_ = 0;
  std::vector<double> values_;
  std::vector<Tensor> copies_;
};

}  // namespace cofactor
