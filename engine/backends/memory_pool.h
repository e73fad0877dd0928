// Pooled memory for every backend; each backend provides the source of its blocks.
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
  // The source's name for errors: "the system".
  virtual std::string name() const = 0;
  // More text for the error about a refused block: what is free, what to reduce. The end of a sentence, or empty.
  virtual std::string advice() const { return ""; }
  // Free blocks of at least this size may be returned to the source when a block of another size is requested: the cost
  // is small relative to the work on such a block. Without a size, free blocks are kept.
  virtual std::optional<size_t> gives_back_from() const { return std::nullopt; }
  // Called after released blocks: returns the memory that the source itself keeps of them to the system.
  virtual void trim() noexcept {}
  // Whether the host may touch a block, as AddressSanitizer's poisoning of free blocks does.
  virtual bool on_host() const { return true; }
};

// The host's memory: blocks aligned to 64 bytes (a cache line, an AVX-512 register), and to huge pages from 2 MiB on,
// where the system grants them.
std::unique_ptr<MemorySource> host_memory();

// Rounds each request up to a size class and keeps freed blocks for the next request of that class, so that a training
// step after the first asks the source for nothing. Large blocks are an exception where the source takes them back: the
// pool then never holds more than the peak of what was in use. Thread-safe.
class MemoryPool {
 public:
  // Free blocks when the source has no block of the size that is asked for: they are given back to it, and the source
  // is asked again; or they are kept, since their addresses may still be used (by a recorded step, say).
  enum class FreeBlocks { given_back, kept };

  explicit MemoryPool(std::unique_ptr<MemorySource> source = host_memory(),
                      FreeBlocks free_blocks = FreeBlocks::given_back);
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;
  ~MemoryPool();

  // Throws OutOfMemory where the source has no such block.
  void* allocate(size_t bytes);
  // `bytes` as in the request.
  void deallocate(void* data, size_t bytes) noexcept;
  MemoryStats stats() const;
  // Gives every free block back to the source, and the source's own to the system.
  void release_free() noexcept;

 private:
  // Gives every free block back to the source. The caller holds the mutex.
  void release_free_blocks() noexcept;
  void release(void* data, size_t size) noexcept;
  // Gives large free blocks back, so that with `size` more bytes the pool is no larger than the peak of what was in
  // use. The caller holds the mutex.
  void make_room(size_t size) noexcept;

  const std::unique_ptr<MemorySource> source_;
  const FreeBlocks free_blocks_;
  mutable std::mutex mutex_;
  std::map<size_t, std::vector<void*>> free_;  // by size class
  MemoryStats stats_;
};

}  // namespace cofactor
