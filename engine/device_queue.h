// A queue of a device's work beside the one of its kernels: what is queued here runs while kernels go on. Sums over
// ranks use it (engine/distributed/device_sums.h).
#pragma once

#include <cstdint>
#include <memory>

#include "engine/dtype.h"

namespace cofactor {

// The terms of a part of a sum over ranks, in device memory.
struct RankTerms {
  void* own = nullptr;           // `count` values: this rank's term, in whose place the sum is written
  const void* others = nullptr;  // the terms of the other ranks, in the order of the ranks
  int64_t count = 0;
  int64_t stride = 0;        // values from the first of one rank's term in `others` to that of the next, at least count
  DType dtype = DType::f32;  // f32, f64 or bf16
  int rank = 0, ranks = 1;
};

// Used by one thread. Throws Error where the device's library refuses, and within a recorded step.
class DeviceQueue {
 public:
  virtual ~DeviceQueue() = default;

  // A place in the queue.
  class Mark {
   public:
    virtual ~Mark() = default;
    // Whether all work queued before it is done; does not wait. Throws Error where the device has failed.
    virtual bool reached() = 0;
  };

  // The stream as the device's own libraries take it (cudaStream_t). Makes the device the calling thread's current one.
  virtual void* handle() = 0;
  // What is queued here from now on starts after the kernels and copies that the backend has queued so far.
  virtual void after_kernels() = 0;
  // Queues own = ((x_0 + x_1) + x_2) + ..., where x_rank is own. bf16 is summed in f32 and rounded once.
  virtual void add_rank_terms(const RankTerms& terms) = 0;
  virtual std::unique_ptr<Mark> mark() = 0;
};

}  // namespace cofactor
