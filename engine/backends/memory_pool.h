// Pooled memory, the same for every backend; a backend brings the source that the pool draws from.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/backend.h"

namespace cofactor {

// Where a pool's blocks come from.
class MemorySource {
 public:
  virtual ~MemorySource() = default;
  // Null where there is no such block.
  virtual void* obtain(size_t size) = 0;
  virtual void release(void* data, size_t size) noexcept = 0;
  // Who refuses, for errors: "the system".
  virtual std::string name() const = 0;
  // What else an error about a refused block should say: what is free, what to lower. A sentence's end, or nothing.
  virtual std::string advice() const { return ""; }
  // The size from which a free block may go back to the source when a block of another size is wanted: where giving
  // back and asking again is cheap beside the work on such a block. Without one, free blocks are kept.
  virtual std::optional<size_t> gives_back_from() const { return std::nullopt; }
  // Whether the host may touch a block, as AddressSanitizer's poisoning of free blocks does.
  virtual bool on_host() const { return true; }
};

// The host's memory: blocks aligned to 64 bytes (a cache line, an AVX-512 register), and to huge pages from 2 MiB on,
// where the system grants them.
std::unique_ptr<MemorySource> host_memory();

// Rounds each request up to a size class and keeps freed blocks for the next request of the class, so that after the
// first step a training step asks the source for nothing, except for large blocks where its source takes those back:
// then none are kept beside what was in use at once. Thread-safe.
class MemoryPool {
 public:
  explicit MemoryPool(std::unique_ptr<MemorySource> source = host_memory());
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;
  ~MemoryPool();

  // Throws OutOfMemory where the source has no such block.
  void* allocate(size_t bytes);
  // `bytes` is what the block was asked for with.
  void deallocate(void* data, size_t bytes) noexcept;
  MemoryStats stats() const;

 private:
  // Gives every free block back to the source. The caller holds the mutex.
  void release_free_blocks() noexcept;
  void release(void* data, size_t size) noexcept;
  // Gives large free blocks back, so that `size` more bytes do not make the pool larger than what was in use at once.
  // The caller holds the mutex.
  void make_room(size_t size) noexcept;

  const std::unique_ptr<MemorySource> source_;
  mutable std::mutex mutex_;
  std::map<size_t, std::vector<void*>> free_;  // by size class
  MemoryStats stats_;
};

}  // namespace cofactor
