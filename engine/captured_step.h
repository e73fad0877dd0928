// A training step that a device has recorded once and runs again as a whole.
#pragma once

#include <cstdint>

namespace cofactor {

// What changes from one run of a recorded step to the next. The recorded kernels read these where they are replayed;
// outside of a recorded step they come with each call.
struct StepValues {
  uint64_t random_step = 0;    // RandomKey::step of every draw
  double lr = 0.0;             // SgdParams::lr, AdamParams::lr
  int64_t optimizer_step = 1;  // AdamParams::step
};

// Made by Backend::capture. The tensors that the step read and wrote must live as long.
class CapturedStep {
 public:
  virtual ~CapturedStep() = default;
  // Queues the recorded kernels again: they read the same tensors, with what these hold then, and write the same.
  virtual void replay(const StepValues& values) = 0;
};

}  // namespace cofactor
