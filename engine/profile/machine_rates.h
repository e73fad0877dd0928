// What a device can do at most: measured, to set an op's arithmetic and memory traffic against.
#pragma once

#include <algorithm>

#include "engine/cost.h"

namespace cofactor {

struct MachineRates {
  double flops = 0.0;  // per second: of the product of two square matrices, by the device's own kernel
  double bytes = 0.0;  // per second, read and written: of a copy that is larger than the caches

  // The least time for that much work, in seconds, and whether the memory sets it.
  double least_seconds(const Cost& cost) const { return std::max(cost.flops / flops, cost.bytes / bytes); }
  bool memory_bound(const Cost& cost) const { return cost.bytes / bytes > cost.flops / flops; }
};

// Takes about a second: the best of several runs each, the product in `dtype` with the threads that kernels
// use (num_threads), and on a device that uses the host's memory the copy on as many threads. Throws OutOfMemory.
MachineRates measure_machine(Device device, DType dtype);

}  // namespace cofactor
