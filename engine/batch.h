// One batch of a data set: made by data/, read by losses/.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/tensor.h"

namespace cofactor {

struct Batch {
  Tensor inputs;                     // (N, ...) as the network takes them
  Tensor labels;                     // (N) i32, on the inputs' device; each in [0, classes)
  std::vector<int32_t> host_labels;  // the same labels on the host, to be read without waiting for the device
  std::vector<int64_t> indices;      // of the samples in the data set

  int64_t size() const { return static_cast<int64_t>(host_labels.size()); }
};

}  // namespace cofactor
