// Loops over elements, split over the threads of the pool.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/backends/cpu/thread_pool.h"

namespace cofactor::cpu {

// Fewer elements than this are not worth waking the threads for.
inline constexpr int64_t kParallelElements = 8192;

// The number of threads that kernels are cut for.
inline int64_t num_threads() {
  return ThreadPool::instance().threads();
}

// Calls body(begin, end) for consecutive ranges that cover 0 .. count, one range per thread: always the same split for
// the same count and number of threads. `cost` weighs an element against a simple one.
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
