// What the tests on device "cuda" need of it. They run twice: in test_cuda_kernels over the backend's kernels on the
// host (host_registry.cpp), and in test_cuda_device on the GPU (device_test.cpp).
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>

#include "engine/device.h"

namespace cofactor::testing {

// For suites: TEST_SUITE("unit" * doctest::skip(!has_cuda())).
inline bool has_cuda() {
  const auto devices = available_devices();
  return std::ranges::find(devices, Device::cuda) != devices.end();
}

// The extent of a matrix whose square keeps the device busy for long enough to show a copy that does not wait: about
// 0.3 ms on a large GPU in f32; on the host nothing overlaps.
int64_t busy_extent();

// While it lives, a recording finds about `bytes` of memory at most.
class ScarceMemory {
 public:
  explicit ScarceMemory(size_t bytes);
  ScarceMemory(const ScarceMemory&) = delete;
  ScarceMemory& operator=(const ScarceMemory&) = delete;
  ~ScarceMemory();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cofactor::testing
