// CUDA's runtime as far as uploads need it, on the host: a stream is a thread that does what is queued, in order and
// with pauses, so that work that waits for too little finds memory that it should not see yet. The cuda backend's own
// sources are linked with it in test_cuda_uploads.
#pragma once

#include <functional>

#include "engine/backends/cuda/handles.h"

namespace cofactor::testing {

// Queues a kernel.
void run_on(cudaStream_t stream, std::function<void()> kernel);
// While a stream records, whatever is queued on it counts as a misuse.
void set_recording(cudaStream_t stream, bool recording);
int misuses();

}  // namespace cofactor::testing
