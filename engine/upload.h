// Values on their way from the host to a device, beside the work that is queued there.
#pragma once

#include <cstddef>

#include "engine/tensor.h"

namespace cofactor {

// Made by DeviceFeatures::upload, then used in this order: the caller fills values() and calls start(), on any thread;
// the thread that calls kernels calls finish(). It may be destroyed at any point, and the tensor may outlive it.
class Upload {
 public:
  virtual ~Upload() = default;
  // The host's memory to fill, aligned to 64 bytes.
  virtual std::byte* values() = 0;
  // Queues the copy. On the device it waits only for the work that last used the memory it is copied into.
  virtual void start() = 0;
  // The values on the device, u8. Work queued on the device from here on sees them; what was queued before does not
  // wait for them.
  virtual Tensor finish() = 0;
};

}  // namespace cofactor
