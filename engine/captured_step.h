// A training step that a device has recorded and replays as a whole.
#pragma once

#include <cstdint>

namespace cofactor {

// The values that differ between replays of a recorded step. Recorded kernels read these; otherwise the values are
// arguments of each call.
struct StepValues {
  uint64_t random_step = 0;    // RandomKey::step of every draw; the numbers of the first draws are those recorded
  double lr = 0.0;             // SgdParams::lr, AdamParams::lr
  int64_t optimizer_step = 1;  // AdamParams::step
};

// Made by DeviceFeatures::capture. The tensors that the step read and wrote must outlive it.
class CapturedStep {
 public:
  virtual ~CapturedStep() = default;
  // Queues the recorded kernels again: they read and write the same tensors, whatever values these hold by then.
  virtual void replay(const StepValues& values) = 0;
};

}  // namespace cofactor
