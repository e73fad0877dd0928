#include "data/parallel_for.h"

#include <doctest/doctest.h>

#include <atomic>
#include <vector>

#include "tests/fixtures/errors.h"

namespace cofactor::testing {

TEST_SUITE("data") {
  TEST_CASE("every piece of work is done once on any number of threads") {
    for (const int threads : {1, 2, 5})
      for (const int64_t count : {int64_t{0}, int64_t{1}, int64_t{3}, int64_t{1000}}) {
        std::vector<std::atomic<int>> times(static_cast<size_t>(count));
        parallel_for(count, threads, [&](int64_t i) { ++times[static_cast<size_t>(i)]; });
        for (const auto& n : times) CHECK(n == 1);
      }
  }

  TEST_CASE("the first piece of work that fails determines the exception") {
    for (const int threads : {1, 4})
      for (int round = 0; round < 20; ++round) {
        std::atomic<int> done = 0;
        const std::string message = error_of([&] {
          parallel_for(100'000, threads, [&](int64_t i) {
            check(i < 70 || i % 3 != 0, "number {} fails", i);
            ++done;
          });
        });
        CHECK(message == "number 72 fails");
        CHECK(done >= 72);
        CHECK(done < 100'000 * 2 / 3);  // the other threads stop
      }
    CHECK(error_of([] { parallel_for(1, 0, [](int64_t) {}); }) == "threads: 0 threads, expected at least 1");
  }
}

}  // namespace cofactor::testing
