// Runs independent pieces of work on several threads.
#pragma once

#include <cstdint>
#include <functional>

namespace cofactor {

// Calls work(i) once for each i in [0, count), on `threads` threads including the caller's. If calls throw, the rest is
// cancelled, and once all threads have stopped the exception of the lowest i is thrown. Throws Error if `threads` is
// below 1 or a thread cannot be started.
void parallel_for(int64_t count, int threads, const std::function<void(int64_t)>& work);

}  // namespace cofactor
