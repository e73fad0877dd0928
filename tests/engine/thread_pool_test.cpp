#include "engine/backends/cpu/thread_pool.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <thread>
#include <vector>

#include "engine/backend.h"
#include "engine/ops/reduce.h"

namespace {

using namespace cofactor;
using cpu::ThreadPool;

// The number of threads, for as long as this lives.
class Threads {
 public:
  explicit Threads(int threads) : before_(ThreadPool::instance().threads()) { set(threads); }
  ~Threads() { set(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  static void set(int threads) { ThreadPool::instance().set_threads(threads); }
  int before_;
};

// How often each part was computed.
std::vector<int> counts_of(int64_t parts) {
  std::vector<std::atomic<int>> counts(static_cast<size_t>(parts));
  ThreadPool::instance().run(parts, [&](int64_t part) { ++counts[static_cast<size_t>(part)]; });
  return {counts.begin(), counts.end()};
}

// Threads that compute without end, beside what is tested.
class Load {
 public:
  explicit Load(int threads) {
    for (int i = 0; i < threads; ++i)
      loops_.emplace_back([](const std::stop_token& stop) {
        while (!stop.stop_requested()) continue;
      });
  }

 private:
  std::vector<std::jthread> loops_;
};

Tensor random_tensor(const Shape& shape) {
  std::vector<float> values(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(random_uniform({7, Purpose::test, 0, 0}, i) - 0.5);
  return Tensor::from(values, shape, Device::cpu);
}

// The bytes of everything that a split decides: sums over images, rows and products.
std::vector<float> split_results() {
  Backend& backend = backend_of(Device::cpu);
  const Tensor x = random_tensor({13, 9, 9, 8}), grad = random_tensor({13, 9, 9, 5}), a = random_tensor({301, 77});
  const Tensor dw = Tensor::empty({5, 3, 3, 8}, DType::f32, Device::cpu),
               db = Tensor::empty({5}, DType::f32, Device::cpu);
  const Tensor product = Tensor::empty({77, 77}, DType::f32, Device::cpu),
               sum = Tensor::empty({1, 77}, DType::f32, Device::cpu);
  backend.conv2d_vjp_weights(x, grad, {.pad_h = 1, .pad_w = 1}, dw, db);
  backend.matmul(a, true, a, false, {}, product);
  backend.reduce(ReduceOp::sum, a, sum);
  std::vector<float> all;
  for (const Tensor& tensor : {dw, db, product, sum}) {
    const auto values = tensor.to_vector<float>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("thread pool: each part is computed once whatever their number and that of the threads") {
    for (const int threads : {1, 2, 3, 8, 64}) {
      const Threads scope(threads);
      for (const int64_t parts : {0, 1, 2, 3, 7, 64, 1024}) {
        CAPTURE(threads);
        CAPTURE(parts);
        CHECK(counts_of(parts) == std::vector<int>(static_cast<size_t>(parts), 1));
      }
    }
  }

  TEST_CASE("thread pool: many works one after the other with parts that change") {
    const Threads scope(4);
    int64_t wrong = 0;
    for (int64_t i = 0; i < 20000; ++i) {
      std::atomic<int64_t> sum = 0;
      const int64_t parts = 1 + i % 9;
      ThreadPool::instance().run(parts, [&](int64_t part) { sum += part + 1; });
      wrong += sum != parts * (parts + 1) / 2;
    }
    CHECK(wrong == 0);
  }

  TEST_CASE("thread pool: several callers at once and works within works") {
    const Threads scope(3);
    std::atomic<int64_t> wrong = 0;
    {
      std::vector<std::jthread> callers;
      for (int i = 0; i < 4; ++i)
        callers.emplace_back([&] {
          for (int repeat = 0; repeat < 500; ++repeat) {
            std::atomic<int64_t> sum = 0;
            ThreadPool::instance().run(5, [&](int64_t outer) {
              ThreadPool::instance().run(3, [&](int64_t inner) { sum += 10 * outer + inner; });
            });
            wrong += sum != 10 * (0 + 1 + 2 + 3 + 4) * 3 + (0 + 1 + 2) * 5;
          }
        });
    }
    CHECK(wrong == 0);
  }

  TEST_CASE("thread pool: what a part throws reaches the caller and the pool goes on") {
    const Threads scope(4);
    for (int repeat = 0; repeat < 100; ++repeat) {
      std::atomic<int> computed = 0;
      const auto throwing = [&](int64_t part) {
        ++computed;
        if (part == 5) throw std::runtime_error("part 5");
      };
      CHECK_THROWS_WITH(ThreadPool::instance().run(9, throwing), "part 5");
      CHECK(computed == 9);
    }
    CHECK(counts_of(9) == std::vector<int>(9, 1));
  }

  TEST_CASE("thread pool: after a fork the child computes all parts itself") {
    const Threads scope(4);
    CHECK(counts_of(8) == std::vector<int>(8, 1));  // the pool's threads run, in the parent
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      alarm(20);  // should it wait for threads that it has not
      _exit(counts_of(8) == std::vector<int>(8, 1) ? 0 : 1);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }

  TEST_CASE("thread pool: a result's bits depend on the number of threads and not on load") {
    for (const int threads : {1, 2, 5, 8}) {
      CAPTURE(threads);
      const Threads scope(threads);
      const std::vector<float> quiet = split_results();
      const Load load(3);
      for (int repeat = 0; repeat < 20; ++repeat) CHECK(split_results() == quiet);
    }
  }

  TEST_CASE("thread pool: the caller's own OpenMP regions have as many threads as before") {
    const auto team = [] {
      int size = 0;
#pragma omp parallel reduction(+ : size)
      size += 1;
      return size;
    };
    const int before = team();
    split_results();
    CHECK(team() == before);
  }
}
