// Batches on their way to the GPU (engine/upload.h): copied on a stream of their own, beside the kernels.
//
// Each upload has a slot: page-locked memory that the host fills, and device memory of its own into which it is copied.
// Slots are used again and again, and two events order their use:
//  - `copied`, on the copies' stream after the copy: kernels queued after finish() wait for it, and so does the host
//    before it writes into the slot again;
//  - `released`, on the kernels' stream when the last tensor on the slot goes: the slot's next copy waits for it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "engine/backend.h"
#include "engine/backends/cuda/gpu.h"
#include "engine/backends/cuda/handles.h"
#include "engine/backends/memory_pool.h"
#include "engine/backends/recording_gate.h"
#include "engine/upload.h"

namespace cofactor::cuda {

// Thread-safe.
class Uploads {
 public:
  // `make_room` is called where the device has no memory for another slot, and gives back what it can.
  Uploads(Gpu gpu, cudaStream_t kernels, RecordingGate& gate, std::function<void()> make_room);
  Uploads(const Uploads&) = delete;
  Uploads& operator=(const Uploads&) = delete;
  // Every upload and every tensor of one must be gone.
  ~Uploads();

  std::unique_ptr<Upload> upload(size_t bytes);
  // Of the slots' device memory.
  MemoryStats stats() const;
  // Gives the device memory of free slots back; false where there is none.
  bool release_free();

 private:
  struct Slot {
    size_t size = 0;
    std::byte* host = nullptr;
    void* device = nullptr;
    Event copied = make_event(), released = make_event();
    bool release_recorded = true;  // whether `released` stands for all uses so far
  };
  class SlotUpload;

  std::unique_ptr<Slot> take(size_t bytes);
  std::unique_ptr<Slot> take_free(size_t bytes);
  std::unique_ptr<Slot> make_slot(size_t bytes);
  void start_copy(Slot& slot, size_t bytes);
  void release(std::unique_ptr<Slot> slot) noexcept;
  void give_back(std::unique_ptr<Slot> slot) noexcept;

  const Gpu gpu_;
  const cudaStream_t kernels_;
  RecordingGate& gate_;
  const std::function<void()> make_room_;
  const Stream copies_ = make_stream();
  MemoryPool host_, device_;
  mutable std::mutex mutex_;
  std::deque<std::unique_ptr<Slot>> free_;  // the one that has been free for the longest first
  size_t slots_ = 0;                        // free or not
  size_t in_use_ = 0;                       // bytes of the slots that are not free
};

}  // namespace cofactor::cuda
