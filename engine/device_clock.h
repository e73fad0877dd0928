// When a device that works through a queue did what it was given: the times of kernels that run beside the host.
#pragma once

#include <cstddef>
#include <vector>

namespace cofactor {

// Made by DeviceFeatures::clock. Used by the thread that calls kernels.
class DeviceClock {
 public:
  virtual ~DeviceClock() = default;
  // Queues a mark behind the work that is queued so far. Returns its number, counting from 0.
  virtual size_t mark() = 0;
  // Waits for all marks. When the device reached each, in seconds since it reached the first.
  virtual std::vector<double> times() = 0;
};

}  // namespace cofactor
