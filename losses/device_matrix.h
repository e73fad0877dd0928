// A small matrix that is kept on the host and read on the devices. Only for losses/.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/tensor.h"

namespace cofactor {

// A C x C matrix with one row per label. It has one copy per device and dtype that rows() is called for. The copies
// live as long as the matrix and take new values in place: a recorded step (engine/captured_step.h) that has read one
// reads the new values when it is replayed.
class DeviceMatrix {
 public:
  // Row-major, classes * classes values; `classes` is the same in every call.
  void set(int64_t classes, std::vector<double> values);
  int64_t classes() const { return classes_; }
  // (N, C) in `dtype` (f32 or f64), without gradient: row labels[i] for each i. The first call for a device and dtype
  // copies from the host, which is not allowed while a step is being recorded.
  Tensor rows(const Tensor& labels, DType dtype);

 private:
  Tensor on_host(DType dtype) const;

  int64_t classes_ = 0;
  std::vector<double> values_;
  std::vector<Tensor> copies_;
};

}  // namespace cofactor
