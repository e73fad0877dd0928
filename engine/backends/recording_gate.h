// Keeps what a recorded step cannot contain out of it: while one thread records, the work that others queue on the
// same stream waits, since it would be recorded too, and calls that a recording cannot hold are refused.
#pragma once

#include <atomic>
#include <mutex>
#include <thread>

#include "engine/error.h"

namespace cofactor {

class RecordingGate {
 public:
  // Whether the calling thread records a step.
  bool recording_here() const { return recorder_.load() == std::this_thread::get_id(); }

  // Throws Error within a recorded step: "capture: {what} cannot be part of a recorded step".
  template <class... Args>
  void refuse(fmt::format_string<Args...> what, Args&&... args) const {
    if (recording_here()) [[unlikely]]
      fail("capture: {} cannot be part of a recorded step", fmt::format(what, std::forward<Args>(args)...));
  }

  // To be held while work is queued on the stream, by any thread. Waits while another thread records; holds nothing on
  // the thread that does.
  std::unique_lock<std::mutex> enter() {
    return recording_here() ? std::unique_lock<std::mutex>() : std::unique_lock(mutex_);
  }
  // The same without waiting. Owns nothing where it would have to wait, and on the thread that records.
  std::unique_lock<std::mutex> try_enter() {
    return recording_here() ? std::unique_lock<std::mutex>() : std::unique_lock(mutex_, std::try_to_lock);
  }

  // While it lives, the thread that made it records.
  class Recording {
   public:
    explicit Recording(RecordingGate& gate) : gate_(gate) {
      gate.refuse("another recording");
      gate.mutex_.lock();
      gate.recorder_ = std::this_thread::get_id();
    }
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;
    ~Recording() {
      gate_.recorder_ = std::thread::id();
      gate_.mutex_.unlock();
    }

   private:
    RecordingGate& gate_;
  };

 private:
  std::mutex mutex_;                         // held while a step is recorded
  std::atomic<std::thread::id> recorder_{};  // the thread that records
};

}  // namespace cofactor
