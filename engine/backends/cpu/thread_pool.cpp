#include "engine/backends/cpu/thread_pool.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "engine/cores.h"

namespace cofactor::cpu {

namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kSpin = std::chrono::microseconds(200);  // longer than most pauses between two kernels
constexpr nanoseconds kTurn = std::chrono::milliseconds(1);    // of computing, after which a thread yields its core
constexpr nanoseconds kWatch = std::chrono::milliseconds(50);  // between two checks of how much the caller runs
constexpr double kMostlyRuns = 0.65;                           // of the time
constexpr nanoseconds kActive = std::chrono::minutes(5);       // libgomp's time for OMP_WAIT_POLICY=active
constexpr int64_t kSpinNanoseconds = 10;                       // libgomp assumes 100,000 spins per millisecond

thread_local bool computing_part = false;

// How long a waiting thread spins before it sleeps.
nanoseconds spin_time() {
  if (const char* count = std::getenv("GOMP_SPINCOUNT")) {
    char* end = nullptr;
    const double spins = std::strtod(count, &end);  // reads "infinity" too
    constexpr auto kMax = static_cast<double>(kActive.count() / kSpinNanoseconds);
    double unit = 1.0;
    if (end != count && *end != '\0') {
      const size_t power = std::string_view("kmgt").find(static_cast<char>(*end | 0x20));
      for (size_t i = 0; power != std::string_view::npos && i <= power; ++i) unit *= 1000.0;
    }
    if (end != count && spins >= 0.0)
      return nanoseconds(static_cast<int64_t>(std::min(spins * unit, kMax)) * kSpinNanoseconds);
  }
  if (const char* policy = std::getenv("OMP_WAIT_POLICY")) {
    const char first = static_cast<char>(*policy | 0x20);
    if (first == 'a') return kActive;
    if (first == 'p') return nanoseconds(0);
  }
  return kSpin;
}

// Tells the processor that this loop only waits.
void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Waits until `value` differs from `old`.
void await_change(const std::atomic<uint32_t>& value, uint32_t old) {
  static const nanoseconds spin = spin_time();
  const auto end = std::chrono::steady_clock::now() + spin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (value.load(std::memory_order_acquire) != old) return;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

// Binds this thread to the place of OpenMP's thread number `index`, where the user sets places.
void bind_to_place(int index) {
  const int places = omp_get_num_places();
  if (omp_get_proc_bind() == omp_proc_bind_false || places < 1) return;
  const int place = index % places;
  std::vector<int> cores(static_cast<size_t>(omp_get_place_num_procs(place)));
  omp_get_place_proc_ids(place, cores.data());
  cpu_set_t mask;
  CPU_ZERO(&mask);
  for (const int core : cores) CPU_SET(static_cast<size_t>(core), &mask);
  pthread_setaffinity_np(pthread_self(), sizeof mask,
                         &mask);  // fails where the place no longer exists, and the thread stays unbound
}

// The cores of this process; with places, OpenMP has already bound the first thread to its own.
int available_cores() {
  if (omp_get_proc_bind() == omp_proc_bind_false) return usable_cores();
  return std::max(omp_get_num_procs(), omp_get_num_places());
}

}  // namespace

ThreadPool& ThreadPool::instance() {
  static ThreadPool& pool = *new ThreadPool;
  return pool;
}

ThreadPool::ThreadPool() : taken_(new std::atomic<uint64_t>[kMaxParts]()) {
  set_threads(std::getenv("OMP_NUM_THREADS") ? omp_get_max_threads() : usable_cores());
}

void ThreadPool::set_threads(int threads) {
  const std::scoped_lock lock(busy_);
  threads_ = threads;
  executors_ = std::min({threads, available_cores(), omp_get_thread_limit()});
  start_threads();
}

void ThreadPool::start_threads() {
  try {
    for (; started_ + 1 < executors_; ++started_) std::thread([this, i = started_ + 1] { serve(i); }).detach();
  } catch (const std::system_error&) {
    executors_ = started_ + 1;  // the system starts no more: those that run share the work
  }
}

bool ThreadPool::claim(int64_t part, uint64_t number) {
  std::atomic<uint64_t>& taken = taken_[static_cast<size_t>(part)];
  uint64_t last = taken.load(std::memory_order_relaxed);
  return last < number && taken.compare_exchange_strong(last, number, std::memory_order_acquire);
}

// Computes parts that no thread has taken, from part `first` on. Threads begin at different parts, and each where it
// began the last time: what it wrote then may still be in its cache.
void ThreadPool::take_parts(uint64_t open, int64_t first) {
  const uint64_t number = open >> 16;
  const auto parts = static_cast<int64_t>(open & 0xFFFF);
  computing_part = true;
  for (int64_t i = 0; i < parts; ++i) {
    const int64_t part = (first + i) % parts;
    if (!claim(part, number)) continue;
    try {
      work_.call(work_.object, part);
    } catch (...) {
      const std::scoped_lock lock(failure_mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
    if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished_.notify_one();
  }
  computing_part = false;
}

// A thread whose time slice ends while it computes makes the caller wait for its next slice. So where others need its
// core, a thread yields between two kernels, and the caller goes on alone; where none does, yielding costs a
// microsecond. It does not yield where the caller shares its own core too: then each thread needs all the time it gets.
void ThreadPool::serve(int index) {
  bind_to_place(index);
  omp_set_num_threads(1);  // for what oneDNN does on this thread
  uint32_t seen = 0;
  auto turn_began = Clock::now();
  for (;;) {
    await_change(signal_, seen);
    seen = signal_.load(std::memory_order_acquire);
    const uint64_t open = open_.load(std::memory_order_acquire);
    const int executors = executors_;
    if (index < executors) take_parts(open, static_cast<int64_t>(open & 0xFFFF) * index / executors);
    if (caller_runs_ && Clock::now() - turn_began > kTurn) {
      sched_yield();
      turn_began = Clock::now();
    }
  }
}

void ThreadPool::watch_caller() {
  const auto now = Clock::now();
  if (now - watched_ < kWatch) return;
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  const double seconds = static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  caller_runs_ = seconds - caller_seconds_ > kMostlyRuns * std::chrono::duration<double>(now - watched_).count();
  caller_seconds_ = seconds;
  watched_ = now;
}

// Opens the work to the pool's threads, and wakes those that sleep.
void ThreadPool::open(int64_t parts) {
  unfinished_.store(static_cast<uint32_t>(parts), std::memory_order_relaxed);
  const uint64_t number = (open_.load(std::memory_order_relaxed) >> 16) + 1;
  open_.store(number << 16 | static_cast<uint64_t>(parts), std::memory_order_release);
  signal_.store(static_cast<uint32_t>(number), std::memory_order_release);
  if (parts >= executors_) return signal_.notify_all();
  for (int64_t i = 1; i < parts; ++i) signal_.notify_one();
}

void ThreadPool::run(int64_t parts, Work work) {
  if (parts < 2 || executors_ < 2 || computing_part || !busy_.try_lock()) {
    for (int64_t part = 0; part < parts; ++part) work.call(work.object, part);
    return;
  }
  const std::unique_lock lock(busy_, std::adopt_lock);
  watch_caller();
  work_ = work;
  failure_ = nullptr;
  open(parts);
  take_parts(open_.load(std::memory_order_relaxed), 0);
  for (uint32_t left; (left = unfinished_.load(std::memory_order_acquire)) != 0;) await_change(unfinished_, left);
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace cofactor::cpu
