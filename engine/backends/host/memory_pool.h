// Pooled host memory, shared by the reference and the cpu backend.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <vector>

#include "engine/backend.h"

namespace cofactor {

// Rounds each request up to a size class and keeps freed blocks for the next request of the class, so that after the
// first step a training step asks the system for nothing. Blocks are aligned to 64 bytes (a cache line, an AVX-512
// register), and to huge pages from 2 MiB on, where the system grants them. Thread-safe.
class HostMemoryPool {
 public:
  HostMemoryPool() = default;
  HostMemoryPool(const HostMemoryPool&) = delete;
  HostMemoryPool& operator=(const HostMemoryPool&) = delete;
  ~HostMemoryPool();

  // Throws Error where the system has no such block.
  void* allocate(size_t bytes);
  // `bytes` is what the block was asked for with.
  void deallocate(void* data, size_t bytes) noexcept;
  MemoryStats stats() const;

 private:
  // Gives every free block back to the system. The caller holds the mutex.
  void release_free_blocks() noexcept;

  mutable std::mutex mutex_;
  std::map<size_t, std::vector<void*>> free_;  // by size class
  MemoryStats stats_;
};

}  // namespace cofactor
