// Memory for a device that can record a step. While the step may be replayed, no one else may use the memory that it
// allocated, so each recording has its own arena.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "engine/backends/memory_pool.h"
#include "engine/backends/recording_gate.h"

namespace cofactor {

class CapturePools {
 public:
  using Arena = std::shared_ptr<MemoryPool>;

  // `arena_source` makes the source of each arena.
  CapturePools(std::unique_ptr<MemorySource> source, std::function<std::unique_ptr<MemorySource>()> arena_source);

  // Within a recording, the recording thread's blocks come from the arena, and OutOfMemory says what it lacked. Other
  // threads wait until the recording ends: a request of theirs to the source would be recorded with it.
  void* allocate(size_t bytes);
  void deallocate(void* data, size_t bytes) noexcept;
  // Of the common pool and of all arenas in use.
  MemoryStats stats() const;
  // Gives the common pool's free blocks back to the system.
  void release_free();
  RecordingGate& gate() { return gate_; }

  // While it lives, the thread that made it records. Before it begins, the common pool's free blocks go back to the
  // system: the step that is recorded needs about as much.
  class Recording {
   public:
    explicit Recording(CapturePools& pools);
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;
    ~Recording();
    // The recorded step keeps it; so does a block that outlives the recording (a gradient, say).
    const Arena& arena() const { return pools_.recording_; }

   private:
    CapturePools& pools_;
    RecordingGate::Recording gate_;
  };

 private:
  MemoryPool common_;
  std::function<std::unique_ptr<MemorySource>()> arena_source_;
  RecordingGate gate_;
  mutable std::mutex mutex_;                       // guards the members below
  Arena recording_;                                // null: none is going on
  std::unordered_map<void*, Arena> arena_blocks_;  // in use
};

}  // namespace cofactor
