#include "engine/backends/cuda/uploads.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <utility>

#include "engine/backends/cuda/memory.h"

namespace cofactor::cuda {

namespace {

// From this number on, an upload waits for a free slot. A loader keeps about six in use.
constexpr size_t kManySlots = 12;

}  // namespace

// Owns its slot until the tensor does.
class Uploads::SlotUpload : public Upload {
 public:
  SlotUpload(Uploads& uploads, std::unique_ptr<Slot> slot, size_t bytes)
      : uploads_(uploads), slot_(std::move(slot)), bytes_(bytes) {}
  SlotUpload(const SlotUpload&) = delete;
  SlotUpload& operator=(const SlotUpload&) = delete;
  // No kernel has seen the slot: its next copy comes after this one by the order of the copies' stream.
  ~SlotUpload() override {
    if (slot_) uploads_.give_back(std::move(slot_));
  }

  std::byte* values() override { return slot_->host; }
  void start() override { uploads_.start_copy(*slot_, bytes_); }

  Tensor finish() override {
    uploads_.gpu_.make_current();
    {
      uploads_.gate_.refuse("the arrival of {} bytes from the host", bytes_);
      const auto lock = uploads_.gate_.enter();
      check_cuda(cudaStreamWaitEvent(uploads_.kernels_, slot_->copied.get(), 0), "cudaStreamWaitEvent");
    }
    void* data = slot_->device;
    // The deleter takes the slot even where std::shared_ptr finds no memory for its count.
    std::shared_ptr<void> memory(
        data, [&uploads = uploads_, slot = slot_.release()](void*) { uploads.release(std::unique_ptr<Slot>(slot)); });
    return Tensor::in_memory(std::move(memory), static_cast<int64_t>(bytes_), uploads_.gpu_.device());
  }

 private:
  Uploads& uploads_;
  std::unique_ptr<Slot> slot_;
  size_t bytes_;
};

Uploads::Uploads(Gpu gpu, cudaStream_t kernels, RecordingGate& gate, std::function<void()> make_room)
    : gpu_(gpu),
      kernels_(kernels),
      gate_(gate),
      make_room_(std::move(make_room)),
      host_(pinned_memory(gpu)),
      device_(device_memory(gpu, copies_.get())) {}

Uploads::~Uploads() {
  try {
    release_free();
  } catch (const Error&) {  // the GPU is lost, and its memory with it
  }
}

std::unique_ptr<Upload> Uploads::upload(size_t bytes) {
  gate_.refuse("an upload of {} bytes", bytes);
  std::unique_ptr<Slot> slot = take(bytes);
  return std::make_unique<SlotUpload>(*this, std::move(slot), bytes);
}

// A slot that the host may write into.
std::unique_ptr<Uploads::Slot> Uploads::take(size_t bytes) {
  std::unique_ptr<Slot> slot = take_free(bytes);
  if (!slot) return make_slot(std::max<size_t>(bytes, 1));
  check_cuda(cudaEventSynchronize(slot->copied.get()), "cudaEventSynchronize");
  return slot;
}

// A free slot of about that size whose copy is over, or, where there are many slots already, one whose copy is still to
// come; null: another slot is better than waiting.
std::unique_ptr<Uploads::Slot> Uploads::take_free(size_t bytes) {
  const std::scoped_lock lock(mutex_);
  auto chosen = free_.end();
  for (auto slot = free_.begin(); slot != free_.end(); ++slot) {
    if ((*slot)->size < bytes || (*slot)->size / 2 > bytes) continue;
    if (cudaEventQuery((*slot)->copied.get()) == cudaSuccess) {
      chosen = slot;
      break;
    }
    cudaGetLastError();  // clears "not ready", which is not an error
    if (chosen == free_.end() && slots_ >= kManySlots) chosen = slot;
  }
  if (chosen == free_.end()) return nullptr;
  std::unique_ptr<Slot> slot = std::move(*chosen);
  free_.erase(chosen);
  in_use_ += slot->size;
  return slot;
}

std::unique_ptr<Uploads::Slot> Uploads::make_slot(size_t bytes) {
  auto slot = std::make_unique<Slot>();
  slot->size = bytes;
  slot->host = static_cast<std::byte*>(host_.allocate(bytes));
  try {
    slot->device = device_.allocate(bytes);
  } catch (const OutOfMemory&) {
    try {
      make_room_();
      slot->device = device_.allocate(bytes);
    } catch (...) {
      host_.deallocate(slot->host, bytes);
      throw;
    }
  }
  const std::scoped_lock lock(mutex_);
  ++slots_;
  in_use_ += bytes;
  return slot;
}

void Uploads::start_copy(Slot& slot, size_t bytes) {
  gpu_.make_current();
  if (!slot.release_recorded) {
    gate_.refuse("an upload of {} bytes", bytes);
    const auto lock = gate_.enter();
    check_cuda(cudaEventRecord(slot.released.get(), kernels_), "cudaEventRecord");
    slot.release_recorded = true;
  }
  check_cuda(cudaStreamWaitEvent(copies_.get(), slot.released.get(), 0), "cudaStreamWaitEvent");
  check_cuda(cudaMemcpyAsync(slot.device, slot.host, bytes, cudaMemcpyHostToDevice, copies_.get()),
             fmt::format("cudaMemcpyAsync of {} bytes to the device", bytes));
  check_cuda(cudaEventRecord(slot.copied.get(), copies_.get()), "cudaEventRecord");
}

// Any thread may drop the last tensor, also while a step is recorded: then an event on the kernels' stream would be
// part of the recording. The slot's next use records it.
void Uploads::release(std::unique_ptr<Slot> slot) noexcept {
  gpu_.try_make_current();
  const auto lock = gate_.try_enter();
  slot->release_recorded = lock.owns_lock() && cudaEventRecord(slot->released.get(), kernels_) == cudaSuccess;
  give_back(std::move(slot));
}

void Uploads::give_back(std::unique_ptr<Slot> slot) noexcept {
  const std::scoped_lock lock(mutex_);
  in_use_ -= slot->size;
  try {
    free_.push_back(std::move(slot));
  } catch (const std::bad_alloc&) {  // no memory to list the slot, which then goes unused
    --slots_;
  }
}

MemoryStats Uploads::stats() const {
  MemoryStats stats = device_.stats();
  const std::scoped_lock lock(mutex_);
  stats.in_use = in_use_;
  return stats;
}

bool Uploads::release_free() {
  std::deque<std::unique_ptr<Slot>> slots;
  {
    const std::scoped_lock lock(mutex_);
    slots.swap(free_);
    slots_ -= slots.size();
  }
  if (slots.empty()) return false;
  // Their last kernels and copies must be over.
  {
    const auto lock = gate_.enter();
    check_cuda(cudaStreamSynchronize(kernels_), "cudaStreamSynchronize");
  }
  check_cuda(cudaStreamSynchronize(copies_.get()), "cudaStreamSynchronize");
  for (const auto& slot : slots) {
    host_.deallocate(slot->host, slot->size);
    device_.deallocate(slot->device, slot->size);
  }
  host_.release_free();
  device_.release_free();
  return true;
}

}  // namespace cofactor::cuda
