// The thread pool of the cpu backend, shared by all kernels.
//
// A kernel is divided into parts that depend only on its size and the requested number of threads, so that results do
// not depend on the machine's load. Parts are assigned at run time: the calling thread and the pool's threads take the
// next part that is free. A thread that the system does not schedule therefore delays only the part that it has begun,
// and without pool threads (none could be started, or the process has forked) the caller computes all parts.
//
// Waiting threads spin for a fraction of a millisecond, then sleep. OMP_WAIT_POLICY and
// GOMP_SPINCOUNT change that time as they do for OpenMP's own threads; OMP_NUM_THREADS is the number of threads until
// another is set, OMP_THREAD_LIMIT bounds those that run, and OMP_PROC_BIND with OMP_PLACES binds them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>

namespace cofactor::cpu {

class ThreadPool {
 public:
  // Never destroyed: kernels may run until the process ends.
  static ThreadPool& instance();

  // The number of threads that kernels are divided for. No more run at once than there are cores.
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
  using Clock = std::chrono::steady_clock;

  struct Work {
    const void* object = nullptr;
    void (*call)(const void* object, int64_t part) = nullptr;
  };

  ThreadPool();
  void run(int64_t parts, Work work);
  void start_threads();
  [[noreturn]] void serve(int index);
  void open(int64_t parts);
  void take_parts(uint64_t open, int64_t first);
  bool claim(int64_t part, uint64_t number);
  void watch_caller();

  std::atomic<int> threads_ = 1;
  std::atomic<int> executors_ = 1;  // this many threads compute at once, the caller among them
  int started_ = 0;                 // threads of the pool
  std::mutex busy_;                 // held by the thread whose work is open; guards what is not atomic

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

  // Whether the caller has a core nearly to itself: see `serve`.
  std::atomic<bool> caller_runs_ = true;
  Clock::time_point watched_{};
  double caller_seconds_ = 0.0;  // that it had run by then
};

}  // namespace cofactor::cpu
