// The host's memory pool, and every backend's memory through the seam.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <latch>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "engine/backends/memory_pool.h"
#include "engine/random.h"
#include "engine/tensor.h"

namespace cofactor {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

uintptr_t address_of(const void* data) {
  return reinterpret_cast<uintptr_t>(data);
}

// Draws blocks, marks them as its own, and looks before giving them back whether the mark is still there. Returns the
// number of blocks in which it was not.
template <class Memory>
int hammer(Memory& memory, uint8_t mark) {
  struct Block {
    uint8_t* data;
    size_t bytes;
  };
  const RandomKey key{.seed = 5, .purpose = Purpose::test, .index = mark};
  std::vector<Block> held;
  int broken = 0;
  const auto give_back = [&](size_t at) {
    const Block block = held[at];
    for (size_t i = 0; i < block.bytes; ++i)
      if (block.data[i] != mark) {
        ++broken;
        break;
      }
    memory.deallocate(block.data, block.bytes);
    held[at] = held.back();
    held.pop_back();
  };
  for (uint64_t round = 0; round < 100000; ++round) {
    if (!held.empty() && random_uniform(key, 3 * round) < 0.5) {
      give_back(static_cast<size_t>(random_below(key, 3 * round + 1, static_cast<int64_t>(held.size()))));
    } else {
      const auto bytes = static_cast<size_t>(random_below(key, 3 * round + 2, 200));
      auto* data = static_cast<uint8_t*>(memory.allocate(bytes));
      std::memset(data, mark, bytes);
      held.push_back({data, bytes});
    }
  }
  while (!held.empty()) give_back(held.size() - 1);
  return broken;
}

template <class Memory>
int hammer_from_threads(Memory& memory) {
  constexpr uint8_t kThreads = 6;
  std::atomic<int> broken = 0;
  std::latch start(kThreads);
  std::vector<std::thread> threads;
  for (uint8_t mark = 1; mark <= kThreads; ++mark)
    threads.emplace_back([&, mark] {
      start.arrive_and_wait();
      broken += hammer(memory, mark);
    });
  for (std::thread& thread : threads) thread.join();
  return broken;
}

TEST_SUITE("unit") {
  TEST_CASE("memory pool: a freed block serves the next request of its class") {
    MemoryPool pool;
    void* first = pool.allocate(1000);
    pool.deallocate(first, 1000);
    CHECK(pool.stats().system_requests == 1);
    void* again = pool.allocate(1010);  // both are of the class up to 1024
    CHECK(again == first);
    CHECK(pool.stats().system_requests == 1);
    void* other = pool.allocate(1010);
    CHECK(other != again);
    CHECK(pool.stats().system_requests == 2);
    pool.deallocate(again, 1010);
    pool.deallocate(other, 1010);
    CHECK(pool.stats().in_use == 0);
  }

  TEST_CASE("memory pool: the second step of a loop asks the system for nothing") {
    MemoryPool pool;
    size_t after_first = 0;
    for (int step = 0; step < 5; ++step) {
      std::vector<std::pair<void*, size_t>> blocks;
      for (size_t bytes : {4ul, 64ul, 100ul, 4096ul, 4097ul, 100000ul, 3ul * kMiB, 100ul, 4ul})
        blocks.emplace_back(pool.allocate(bytes), bytes);
      for (auto [data, bytes] : blocks) pool.deallocate(data, bytes);
      if (step == 0) after_first = pool.stats().system_requests;
    }
    CHECK(after_first == 9);
    CHECK(pool.stats().system_requests == after_first);
  }

  TEST_CASE("memory pool: the bytes in use their peak and what is held") {
    MemoryPool pool;
    CHECK(pool.stats().reserved == 0);
    void* a = pool.allocate(4096);
    void* b = pool.allocate(8192);
    CHECK(pool.stats().in_use == 4096 + 8192);
    pool.deallocate(b, 8192);
    CHECK(pool.stats().in_use == 4096);
    CHECK(pool.stats().peak == 4096 + 8192);
    CHECK(pool.stats().reserved == 4096 + 8192);
    pool.deallocate(a, 4096);
    CHECK(pool.stats().in_use == 0);
    CHECK(pool.stats().peak == 4096 + 8192);
  }

  TEST_CASE("memory pool: large free blocks make room for other sizes and small ones stay") {
    constexpr size_t kLarge = 32 * kMiB;
    MemoryPool pool;
    void* small = pool.allocate(kMiB);
    pool.deallocate(small, kMiB);
    for (const size_t bytes : {2 * kLarge, kLarge}) pool.deallocate(pool.allocate(bytes), bytes);
    CHECK(pool.stats().reserved == kLarge + kMiB);  // the second size was paid for with the first
    void* a = pool.allocate(3 * kLarge);            // more than was ever in use: all large blocks go
    CHECK(pool.stats().reserved == 3 * kLarge + kMiB);
    pool.deallocate(a, 3 * kLarge);
    CHECK(pool.allocate(3 * kLarge) == a);  // its own size is kept
    pool.deallocate(a, 3 * kLarge);
    CHECK(pool.allocate(kMiB) == small);
    pool.deallocate(small, kMiB);
    CHECK(pool.stats().peak == 3 * kLarge);
  }

  TEST_CASE("memory pool: no class is more than an eighth larger than the request 64 bytes apart") {
    MemoryPool pool;
    for (size_t bytes = 1; bytes < 40 * kMiB; bytes += bytes / 3 + 1) {
      const size_t before = pool.stats().in_use;
      void* data = pool.allocate(bytes);
      const size_t block = pool.stats().in_use - before;
      CHECK(block >= bytes);
      CHECK(block <= std::max(bytes + bytes / 8, bytes + 63));
      std::memset(data, 0x5a, bytes);  // all of it can be written
      pool.deallocate(data, bytes);
    }
  }

  TEST_CASE("memory pool: blocks are aligned to 64 bytes and to huge pages from 2 MiB on") {
    MemoryPool pool;
    for (size_t bytes : {0ul, 1ul, 63ul, 65ul, 1000ul, 5000ul, 2ul * kMiB - 300000ul}) {
      void* data = pool.allocate(bytes);
      CHECK(address_of(data) % 64 == 0);
      pool.deallocate(data, bytes);
    }
    for (size_t bytes : {2 * kMiB, 2 * kMiB + 1, 7 * kMiB}) {
      void* data = pool.allocate(bytes);
      CHECK(address_of(data) % (2 * kMiB) == 0);
      pool.deallocate(data, bytes);
    }
  }

  TEST_CASE("memory pool: requests of no bytes are blocks like any other") {
    MemoryPool pool;
    void* a = pool.allocate(0);
    void* b = pool.allocate(0);
    CHECK(a != nullptr);
    CHECK(a != b);
    pool.deallocate(a, 0);
    pool.deallocate(b, 0);
    pool.deallocate(nullptr, 0);
    CHECK(pool.stats().in_use == 0);
  }

  TEST_CASE("memory pool: a request beyond any address space is an error that says how much") {
    MemoryPool pool;
    void* held = pool.allocate(4096);
    const size_t bytes = std::numeric_limits<size_t>::max() - 5;
    std::string message;
    try {
      pool.allocate(bytes);
    } catch (const Error& error) {
      message = error.what();
    }
    CAPTURE(message);
    CHECK(message.find(std::to_string(bytes)) != std::string::npos);
    CHECK(message.find("4096") != std::string::npos);
    CHECK(pool.stats().in_use == 4096);
    pool.deallocate(held, 4096);
  }

// The sanitizers end the process where malloc would refuse.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  TEST_CASE("memory pool: where the system refuses free blocks are given back and the error says what is held") {
    MemoryPool pool;
    void* held = pool.allocate(4096);
    pool.deallocate(pool.allocate(8192), 8192);
    const size_t bytes = size_t{1} << 60;
    std::string message;
    try {
      pool.allocate(bytes);
    } catch (const Error& error) {
      message = error.what();
    }
    CAPTURE(message);
    CHECK(message.find(std::to_string(bytes)) != std::string::npos);
    CHECK(message.find("4096") != std::string::npos);
    CHECK(pool.stats().reserved == 4096);
    CHECK(pool.stats().in_use == 4096);
    pool.deallocate(held, 4096);
  }
#endif

  TEST_CASE("memory pool: six threads never share a block") {
    MemoryPool pool;
    CHECK(hammer_from_threads(pool) == 0);
    CHECK(pool.stats().in_use == 0);
    CHECK(pool.stats().peak <= pool.stats().reserved);
  }
}

TEST_SUITE("parity") {
  TEST_CASE("memory of every backend: reuse alignment peak") {
    for (Device device : available_devices()) {
      CAPTURE(std::string(name_of(device)));
      Backend& backend = backend_of(device);
      const size_t before = backend.memory_stats().in_use;
      const void* data = nullptr;
      {
        const Tensor x = Tensor::empty({1234, 7}, DType::f32, device);
        data = x.raw_data();
        CHECK(address_of(data) % 64 == 0);
        CHECK(backend.memory_stats().in_use >= before + x.nbytes());
        CHECK(backend.memory_stats().peak >= backend.memory_stats().in_use);
        CHECK(backend.memory_stats().reserved >= backend.memory_stats().in_use);
      }
      CHECK(backend.memory_stats().in_use == before);
      const size_t requests = backend.memory_stats().system_requests;
      const Tensor y = Tensor::empty({1234, 7}, DType::f32, device);
      CHECK(y.raw_data() == data);
      CHECK(backend.memory_stats().system_requests == requests);
      CHECK(Tensor::empty({0, 3}, DType::f32, device).to_vector<float>().empty());
    }
  }

  TEST_CASE("memory of every backend: tensors made and dropped by many threads") {
    for (Device device : available_devices()) {
      CAPTURE(std::string(name_of(device)));
      const size_t before = backend_of(device).memory_stats().in_use;
      std::atomic<int> broken = 0;
      std::vector<std::thread> threads;
      for (int mark = 1; mark <= 4; ++mark)
        threads.emplace_back([&, mark] {
          std::vector<Tensor> held;
          for (int64_t round = 0; round < 300; ++round) {
            held.push_back(Tensor::full({1 + round * 7 % 50}, mark, DType::f32, device));
            if (held.size() < 8) continue;
            for (float value : held.front().to_vector<float>()) broken += value != static_cast<float>(mark);
            held.erase(held.begin());
          }
        });
      for (std::thread& thread : threads) thread.join();
      CHECK(broken == 0);
      CHECK(backend_of(device).memory_stats().in_use == before);
    }
  }
}

}  // namespace
}  // namespace cofactor
