// The threads of the cpu backend: one pool, which all kernels share.
//
// A kernel is cut into parts that depend on its size and the requested number of threads alone, so that load never
// changes a bit. Who computes a part is decided while it runs: the calling thread and the pool's take whatever nobody
// has taken yet. A thread that the machine does not let run holds nothing up that it has not begun, and without a pool
// (no thread starts, or the process has forked) the caller does it all.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <vector>

namespace cofactor::cpu {

class ThreadPool {
 public:
  // Never destroyed: kernels may run until the process ends.
  static ThreadPool& instance();

  // Into how many threads' work kernels are cut. At most as many as there are cores compute at once.
  void set_threads(int threads);
  int threads() const { return threads_; }

  static constexpr int64_t kMaxParts = 1024;

  // Calls body(part) once for each part in [0, parts), on this thread and those of the pool, and returns when all are
  // done. parts <= kMaxParts. Within a body, and while another thread uses the pool, parts run one after the other on
  // the calling thread. What a body throws is thrown here, once all parts have ended.
  template <class Body>
  void run(int64_t parts, const Body& body) {
    run(parts, {&body, [](const void* object, int64_t part) { (*static_cast<const Body*>(object))(part); }});
  }

 private:
  struct Work {
    const void* object = nullptr;
    void (*call)(const void* object, int64_t part) = nullptr;
  };

  ThreadPool();
  void run(int64_t parts, Work work);
  void start_threads();
  [[noreturn]] void serve(int64_t index);
  void take_parts(uint64_t open, int64_t first);
  bool claim(int64_t part, uint64_t number);

  int threads_ = 1;
  std::atomic<int> executors_ = 1;  // this many threads compute at once, the caller among them
  int started_ = 0;                 // threads of the pool
  std::mutex busy_;                 // held by the thread whose work is open

  Work work_;
  // The number of the work that is open (48 bits) and of its parts (16 bits), so that both are read as one.
  std::atomic<uint64_t> open_ = 0;
  // By part: the number of the last work for which it was taken. Numbers only grow, so a thread that comes late finds
  // every part taken.
  std::unique_ptr<std::atomic<uint64_t>[]> taken_;
  alignas(64) std::atomic<uint32_t> signal_ = 0;      // changes when work is opened; the pool's threads sleep on it
  alignas(64) std::atomic<uint32_t> unfinished_ = 0;  // parts; the caller sleeps on it
  std::mutex failure_mutex_;
  std::exception_ptr failure_;
};

}  // namespace cofactor::cpu
