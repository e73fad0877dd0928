// Device memory for the pool, and pinned host memory through which every copy goes.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>

#include "engine/backends/memory_pool.h"

namespace cofactor::cuda {

// Blocks from the device's stream-ordered pool, on one stream. The driver keeps released memory (the release threshold
// is raised) for the pool's next request, until the source is trimmed.
std::unique_ptr<MemorySource> device_memory(cudaStream_t stream);

// Blocks from the driver itself, for a recording's arena: a stream-ordered request would be recorded as well.
std::unique_ptr<MemorySource> arena_memory();

// Page-locked host memory, which asynchronous copies need.
std::unique_ptr<MemorySource> pinned_memory();

}  // namespace cofactor::cuda
