#include "engine/backends/cpu/thread_pool.h"

#include <immintrin.h>
#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>
#include <thread>

#include "engine/cores.h"

namespace cofactor::cpu {

namespace {

using Clock = std::chrono::steady_clock;

double knob(const char* name, double standard) {
  const char* text = std::getenv(name);
  return text ? std::atof(text) : standard;
}
const auto kSpin = std::chrono::nanoseconds(int64_t(1000 * knob("CF_SPIN", 200)));
const auto kSpinJoin = std::chrono::nanoseconds(int64_t(1000 * knob("CF_JOIN", 200)));
const auto kTurn = std::chrono::nanoseconds(int64_t(1000 * knob("CF_TURN", 1000)));

thread_local bool in_part = false;  // whether this thread computes a part

// Waits until `value` differs from `old`: at first looking again and again, then asleep.
void await_change(const std::atomic<uint32_t>& value, uint32_t old, std::chrono::nanoseconds spin) {
  const auto end = Clock::now() + spin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (value.load(std::memory_order_acquire) != old) return;
      _mm_pause();
    }
  } while (Clock::now() < end);
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

}  // namespace

ThreadPool& ThreadPool::instance() {
  static ThreadPool& pool = *new ThreadPool;
  return pool;
}

ThreadPool::ThreadPool() : taken_(new std::atomic<uint64_t>[kMaxParts]()) {
  set_threads(omp_get_max_threads());  // OMP_NUM_THREADS, or the cores
}

void ThreadPool::set_threads(int threads) {
  const std::scoped_lock lock(busy_);
  threads_ = threads;
  executors_ = std::min({threads, usable_cores(), omp_get_thread_limit()});
  start_threads();
}

void ThreadPool::start_threads() {
  try {
    for (; started_ + 1 < executors_; ++started_) std::thread([this, i = started_ + 1] { serve(i); }).detach();
  } catch (const std::system_error&) {
    executors_ = started_ + 1;  // the system gives no more: those that run share the work
  }
}

bool ThreadPool::claim(int64_t part, uint64_t number) {
  std::atomic<uint64_t>& taken = taken_[static_cast<size_t>(part)];
  uint64_t last = taken.load(std::memory_order_relaxed);
  return last < number && taken.compare_exchange_strong(last, number, std::memory_order_acquire);
}

void ThreadPool::take_parts(uint64_t open, int64_t first) {
  const uint64_t number = open >> 16;
  const auto parts = static_cast<int64_t>(open & 0xFFFF);
  in_part = true;
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
  in_part = false;
}

void ThreadPool::serve(int64_t index) {
  omp_set_num_threads(1);
  uint32_t seen = 0;
  auto turn_began = Clock::now();
  for (;;) {
    await_change(signal_, seen, kSpin);
    seen = signal_.load(std::memory_order_acquire);
    const uint64_t open = open_.load(std::memory_order_acquire);
    const int64_t executors = executors_;
    if (index < executors) take_parts(open, static_cast<int64_t>(open & 0xFFFF) * index / executors);
    const auto now = Clock::now();
    if (now - turn_began > kTurn) {
      sched_yield();
      turn_began = Clock::now();
    }
  }
}

void ThreadPool::run(int64_t parts, Work work) {
  if (parts < 2 || executors_ < 2 || in_part || !busy_.try_lock()) {
    for (int64_t part = 0; part < parts; ++part) work.call(work.object, part);
    return;
  }
  const std::unique_lock lock(busy_, std::adopt_lock);
  work_ = work;
  failure_ = nullptr;
  unfinished_.store(static_cast<uint32_t>(parts), std::memory_order_relaxed);
  const uint64_t number = (open_.load(std::memory_order_relaxed) >> 16) + 1;
  const uint64_t open = number << 16 | static_cast<uint64_t>(parts);
  open_.store(open, std::memory_order_release);
  signal_.store(static_cast<uint32_t>(number), std::memory_order_release);
  const int64_t helpers = std::min<int64_t>(parts, executors_) - 1;
  if (helpers + 1 >= executors_) {
    signal_.notify_all();
  } else {
    for (int64_t i = 0; i < helpers; ++i) signal_.notify_one();
  }
  take_parts(open, 0);
  for (uint32_t left; (left = unfinished_.load(std::memory_order_acquire)) != 0;)
    await_change(unfinished_, left, kSpinJoin);
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace cofactor::cpu
