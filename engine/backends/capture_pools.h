// Memory for a device that can record a step. While the step may be replayed, no one else may use the memory that it
// allocated, so each recording has its own arena.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "engine/backends/memory_pool.h"

namespace cofactor {

class CapturePools {
 public:
  using Arena = std::shared_ptr<MemoryPool>;

  // `arena_source` makes the source of each arena.
  CapturePools(std::unique_ptr<MemorySource> source, std::function<std::unique_ptr<MemorySource>()> arena_source);

  // Within a recording, the recording thread's blocks come from the arena. Other threads wait until it ends: a request
  // of theirs to the source would be recorded with it.
  void* allocate(size_t bytes);
  void deallocate(void* data, size_t bytes) noexcept;
  // Of the common pool and of all arenas in use.
  MemoryStats stats() const;

  // Starts a recording on this thread. The recorded step keeps the arena; so does a block that outlives the
  // recording (a gradient, say).
  Arena begin();
  void end();

 private:
  MemoryPool common_;
  std::function<std::unique_ptr<MemorySource>()> arena_source_;
  std::mutex gate_;  // held while a recording goes on
  mutable std::mutex mutex_;
  Arena recording_;                                // null: none is going on
  std::thread::id recorder_;                       // the thread that records
  std::unordered_map<void*, Arena> arena_blocks_;  // in use
};

}  // namespace cofactor
