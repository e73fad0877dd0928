// Loops over elements, divided among the pool's threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/backends/cpu/thread_pool.h"

namespace cofactor::cpu {

// With fewer elements than this, waking the threads costs more than it saves.
inline constexpr int64_t kParallelElements = 8192;

// The number of threads that kernels are divided for.
inline int64_t num_threads() {
  return ThreadPool::instance().threads();
}

// Calls body(begin, end) for consecutive ranges that cover 0 .. count, one range per thread: always the same split for
// the same count and number of threads. `cost` is that of one element, relative to an addition.
template <class Body>
void parallel_for(int64_t count, int64_t cost, const Body& body) {
  const int64_t parts = std::min({num_threads(), count, ThreadPool::kMaxParts});
  if (count * cost < kParallelElements || parts < 2) {
    if (count > 0) body(int64_t{0}, count);
    return;
  }
  ThreadPool::instance().run(parts, [&](int64_t part) { body(count * part / parts, count * (part + 1) / parts); });
}

}  // namespace cofactor::cpu
