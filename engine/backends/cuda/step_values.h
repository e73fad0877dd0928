// What changes from one replay of a captured step to the next.
#pragma once

#include <cstdint>

namespace cofactor {

// A captured step (Backend::capture) reads these where it is replayed; outside of one they come with each call.
struct StepValues {
  uint64_t random_step = 0;    // RandomKey::step of every draw
  double lr = 0.0;             // SgdParams::lr, AdamParams::lr
  int64_t optimizer_step = 1;  // AdamParams::step
};

}  // namespace cofactor
