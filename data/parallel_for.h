// Work on many samples by several threads.
#pragma once

#include <cstdint>
#include <functional>

namespace cofactor {

// Calls work(i) once for each i in [0, count), on `threads` threads (1: the caller's). Where calls throw, what the one
// with the lowest i threw is thrown here, once all threads have stopped; not all others have been called then. Throws
// Error for fewer than 1 thread, and where one does not start.
void parallel_for(int64_t count, int threads, const std::function<void(int64_t)>& work);

}  // namespace cofactor
