#include "engine/backends/capture_pools.h"

#include <set>
#include <utility>
namespace cofactor {

CapturePools::CapturePools(std::unique_ptr<MemorySource> source,
                           std::function<std::unique_ptr<MemorySource>()> arena_source)
    : common_(std::move(source)), arena_source_(std::move(arena_source)) {}

void* CapturePools::allocate(size_t bytes) {
  {
    const std::scoped_lock lock(mutex_);
    if (recording_ && recorder_ == std::this_thread::get_id()) {
      void* data = recording_->allocate(bytes);
      arena_blocks_.emplace(data, recording_);
      return data;
    }
  }
  const std::scoped_lock gate(gate_);
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
  for (const MemoryPool* arena : arenas) {
    const MemoryStats stats = arena->stats();
    total.in_use += stats.in_use;
    total.peak += stats.peak;
    total.reserved += stats.reserved;
    total.system_requests += stats.system_requests;
  }
  return total;
}

CapturePools::Arena CapturePools::begin() {
  gate_.lock();
  const std::scoped_lock lock(mutex_);
  recording_ = std::make_shared<MemoryPool>(arena_source_());
  recorder_ = std::this_thread::get_id();
  return recording_;
}

void CapturePools::end() {
  const std::scoped_lock lock(mutex_);
  recording_.reset();
  gate_.unlock();
}

}  // namespace cofactor
