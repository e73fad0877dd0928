#include "data/parallel_for.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "engine/error.h"

namespace cofactor {

void parallel_for(int64_t count, int threads, const std::function<void(int64_t)>& work) {
  check(threads >= 1, "threads: {} threads, expected at least 1", threads);
  std::atomic<int64_t> next = 0;
  std::atomic<bool> failed = false;
  std::mutex mutex;  // guards the two below
  int64_t failed_at = count;
  std::exception_ptr failure;
  // Indices are taken in order, so all those below the first failure are finished too.
  const auto run = [&] {
    for (int64_t i = 0; !failed && (i = next++) < count;) {
      try {
        work(i);
      } catch (...) {
        const std::scoped_lock lock(mutex);
        failed = true;
        if (i < failed_at) failure = std::current_exception();
        failed_at = std::min(failed_at, i);
      }
    }
  };
  {
    std::vector<std::jthread> workers;
    for (int64_t i = 1; i < std::min<int64_t>(threads, count); ++i) {
      try {
        workers.emplace_back(run);
      } catch (const std::system_error& error) {
        failed = true;  // stops the others
        fail("threads: cannot start thread {} of {}: {}", i + 1, threads, error.what());
      }
    }
    run();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace cofactor
