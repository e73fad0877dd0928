// Page-locked memory that copies to and from the host go through.
#pragma once

#include <mutex>
#include <vector>

#include "engine/backends/cuda/handles.h"
#include "engine/backends/cuda/memory.h"

namespace cofactor::cuda {

// Thread-safe. The GPU that it is made for is current in every call.
class Staging {
 public:
  explicit Staging(Gpu gpu) : pool_(pinned_memory(gpu)) {}

  // A block for as long as it lives, or, once a copy is queued from it, until that is over.
  class Block {
   public:
    Block(Staging& staging, size_t bytes) : staging_(staging), data_(staging.pool_.allocate(bytes)), bytes_(bytes) {}
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block() {
      if (data_) staging_.pool_.deallocate(data_, bytes_);
    }
    void* data() const { return data_; }
    // Keeps the block until the work that is queued on the stream now is over.
    void keep_until_done(cudaStream_t stream) {
      Event done = make_event();
      check_cuda(cudaEventRecord(done.get(), stream), "cudaEventRecord");
      const std::scoped_lock lock(staging_.mutex_);
      staging_.in_flight_.push_back({std::move(done), data_, bytes_});
      data_ = nullptr;
    }

   private:
    Staging& staging_;
    void* data_;
    size_t bytes_;
  };

  // Takes the blocks back whose copies are over.
  void collect() {
    const std::scoped_lock lock(mutex_);
    std::erase_if(in_flight_, [&](const InFlight& copy) {
      if (cudaEventQuery(copy.done.get()) != cudaSuccess) return false;
      pool_.deallocate(copy.data, copy.bytes);
      return true;
    });
    cudaGetLastError();  // clears "not ready", which is not an error
  }
  MemoryPool& pool() { return pool_; }

 private:
  struct InFlight {
    Event done;
    void* data;
    size_t bytes;
  };

  MemoryPool pool_;
  std::mutex mutex_;
  std::vector<InFlight> in_flight_;
};

}  // namespace cofactor::cuda
