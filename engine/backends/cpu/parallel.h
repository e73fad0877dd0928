// Loops over elements, split over the threads of the OpenMP runtime.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace cofactor::cpu {

// Fewer elements than this are not worth waking the threads for.
inline constexpr int64_t kParallelElements = 8192;

// Calls body(begin, end) for consecutive ranges that cover 0 .. count, one range a thread: always the same split for
// the same count and number of threads. `cost` weighs an element against a simple one. The body must not throw.
template <class Body>
void parallel_for(int64_t count, int64_t cost, const Body& body) {
  const int64_t threads = std::min<int64_t>(omp_get_max_threads(), count);
  if (count * cost < kParallelElements || threads < 2) {
    if (count > 0) body(int64_t{0}, count);
    return;
  }
#pragma omp parallel num_threads(static_cast <int>(threads))
  {
    const int64_t rank = omp_get_thread_num();
    const int64_t size = omp_get_num_threads();
    body(count * rank / size, count * (rank + 1) / size);
  }
}

}  // namespace cofactor::cpu
