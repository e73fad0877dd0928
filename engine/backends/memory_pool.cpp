#include "engine/backends/memory_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <new>

// In builds with AddressSanitizer, tells it which bytes of the pool are unused: freed blocks, and the end of a block
// after the requested bytes. Otherwise the two macros are empty.
#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

namespace cofactor {

namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kStepsPerOctave = 8;  // at most 1/8 of a block is waste

// The smallest size class that holds `bytes`: a multiple of 64, in eight steps from each power of two to the next.
size_t size_class(size_t bytes) {
  const size_t step = std::max(kAlignment, std::bit_floor(bytes) / kStepsPerOctave);
  return std::max(kAlignment, (bytes + step - 1) / step * step);
}

class HostMemory : public MemorySource {
 public:
  void* obtain(size_t size) override {
    const bool huge = size >= kHugePage;
    void* data = nullptr;
    if (posix_memalign(&data, huge ? kHugePage : kAlignment, size) != 0) return nullptr;
    if (huge) madvise(data, size, MADV_HUGEPAGE);  // advice, which a kernel without huge pages ignores
    return data;
  }
  void release(void* data, size_t) noexcept override { std::free(data); }
  // The upper limit of M_MMAP_THRESHOLD: malloc always returns freed blocks of this size to the system. New pages are
  // zeroed, which takes about as long as one pass over the block.
  std::optional<size_t> gives_back_from() const override { return size_t{32} << 20; }
  std::string name() const override { return "the system"; }
};

}  // namespace

std::unique_ptr<MemorySource> host_memory() {
  return std::make_unique<HostMemory>();
}

MemoryPool::MemoryPool(std::unique_ptr<MemorySource> source, FreeBlocks free_blocks)
    : source_(std::move(source)), free_blocks_(free_blocks) {}

MemoryPool::~MemoryPool() {
  release_free_blocks();
}

void MemoryPool::release(void* data, size_t size) noexcept {
  if (source_->on_host()) ASAN_UNPOISON_MEMORY_REGION(data, size);
  source_->release(data, size);
  stats_.reserved -= size;
}

void MemoryPool::release_free_blocks() noexcept {
  for (auto& [size, blocks] : free_) {
    for (void* block : blocks) release(block, size);
    blocks.clear();
  }
}

void MemoryPool::release_free() noexcept {
  const std::scoped_lock lock(mutex_);
  release_free_blocks();
  source_->trim();
}

void MemoryPool::make_room(size_t size) noexcept {
  const std::optional<size_t> least = source_->gives_back_from();
  const size_t limit = std::max(stats_.peak, stats_.in_use + size);
  for (auto blocks = free_.rbegin(); least && blocks != free_.rend() && blocks->first >= *least; ++blocks)
    for (; !blocks->second.empty() && stats_.reserved + size > limit; blocks->second.pop_back())
      release(blocks->second.back(), blocks->first);
}

void* MemoryPool::allocate(size_t bytes) {
  const std::scoped_lock lock(mutex_);
  check(bytes <= static_cast<size_t>(PTRDIFF_MAX) / 2,
        "memory: {} bytes were asked for, more than an address space has; {} bytes are in use, {} held", bytes,
        stats_.in_use, stats_.reserved);
  const size_t size = size_class(bytes);
  void* data = nullptr;
  if (auto& blocks = free_[size]; !blocks.empty()) {
    data = blocks.back();
    blocks.pop_back();
  } else {
    ++stats_.system_requests;
    if (free_blocks_ == FreeBlocks::given_back) make_room(size);
    data = source_->obtain(size);
    if (!data && free_blocks_ == FreeBlocks::given_back) {  // free blocks of other sizes may hold the memory
      release_free_blocks();
      data = source_->obtain(size);
      if (!data) {  // or the source itself, in pieces
        source_->trim();
        data = source_->obtain(size);
      }
    }
    if (!data) {
      throw OutOfMemory(
          fmt::format("memory: {} refused a block of {} bytes ({} asked for); {} bytes are in use, {} held{}",
                      source_->name(), size, bytes, stats_.in_use, stats_.reserved, source_->advice()));
    }
    stats_.reserved += size;
  }
  stats_.in_use += size;
  stats_.peak = std::max(stats_.peak, stats_.in_use);
  if (source_->on_host()) {
    ASAN_UNPOISON_MEMORY_REGION(data, bytes);
    ASAN_POISON_MEMORY_REGION(static_cast<std::byte*>(data) + bytes, size - bytes);
  }
  return data;
}

void MemoryPool::deallocate(void* data, size_t bytes) noexcept {
  if (!data) return;
  const size_t size = size_class(bytes);
  const std::scoped_lock lock(mutex_);
  stats_.in_use -= size;
  try {
    free_[size].push_back(data);
    if (source_->on_host()) ASAN_POISON_MEMORY_REGION(data, size);
  } catch (const std::bad_alloc&) {  // no memory to list the block
    if (free_blocks_ == FreeBlocks::given_back) release(data, size);
  }
}

MemoryStats MemoryPool::stats() const {
  const std::scoped_lock lock(mutex_);
  return stats_;
}

}  // namespace cofactor
