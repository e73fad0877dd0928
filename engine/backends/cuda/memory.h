// Device memory for the pool, and pinned host memory through which every copy goes. Each source makes its GPU current
// itself: blocks may go back from any thread.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>

#include "engine/backends/cuda/gpu.h"
#include "engine/backends/memory_pool.h"

namespace cofactor::cuda {

// Blocks from the GPU's stream-ordered pool, on one stream. The driver keeps released memory (the release threshold
// is raised) for the pool's next request, until the source is trimmed.
std::unique_ptr<MemorySource> device_memory(Gpu gpu, cudaStream_t stream);

// Blocks from the driver itself, for a recording's arena: a stream-ordered request would be recorded as well.
std::unique_ptr<MemorySource> arena_memory(Gpu gpu);

// Page-locked host memory, which asynchronous copies need.
std::unique_ptr<MemorySource> pinned_memory(Gpu gpu);

}  // namespace cofactor::cuda
