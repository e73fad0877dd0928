#include "engine/backends/capture_pools.h"

#include <set>
#include <utility>

namespace cofactor {

CapturePools::CapturePools(std::unique_ptr<MemorySource> source,
                           std::function<std::unique_ptr<MemorySource>()> arena_source)
    : common_(std::move(source)), arena_source_(std::move(arena_source)) {}

void* CapturePools::allocate(size_t bytes) {
  if (gate_.recording_here()) {
    const std::scoped_lock lock(mutex_);
    void* data = recording_->allocate(bytes);
    arena_blocks_.emplace(data, recording_);
    return data;
  }
  const auto lock = gate_.enter();
  return common_.allocate(bytes);
}

void CapturePools::deallocate(void* data, size_t bytes) noexcept {
  Arena arena;  // may go with its last block, after the lock
  {
    const std::scoped_lock lock(mutex_);
    if (const auto found = arena_blocks_.find(data); found != arena_blocks_.end()) {
      arena = std::move(found->second);
      arena_blocks_.erase(found);
    }
  }
  (arena ? *arena : common_).deallocate(data, bytes);
}

MemoryStats CapturePools::stats() const {
  MemoryStats total = common_.stats();
  const std::scoped_lock lock(mutex_);
  std::set<const MemoryPool*> arenas;
  if (recording_) arenas.insert(recording_.get());
  for (const auto& [data, arena] : arena_blocks_) arenas.insert(arena.get());
  for (const MemoryPool* arena : arenas) total += arena->stats();
  return total;
}

void CapturePools::release_free() {
  const auto lock = gate_.enter();
  common_.release_free();
}

CapturePools::Recording::Recording(CapturePools& pools) : pools_(pools), gate_(pools.gate_) {
  pools.common_.release_free();
  auto arena = std::make_shared<MemoryPool>(pools.arena_source_(), MemoryPool::FreeBlocks::kept);
  const std::scoped_lock lock(pools.mutex_);
  pools.recording_ = std::move(arena);
}

CapturePools::Recording::~Recording() {
  Arena arena;  // may go here, after the lock
  const std::scoped_lock lock(pools_.mutex_);
  arena.swap(pools_.recording_);
}

}  // namespace cofactor
