// Uploads of the cuda backend (engine/backends/cuda/uploads.cpp) over simulated streams: every kernel sees the values
// of its own batch, from its first read to its last.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "engine/backends/capture_pools.h"
#include "engine/backends/cuda/memory.h"
#include "engine/backends/cuda/uploads.h"
#include "tests/engine/cuda/simulated_runtime.h"

namespace cofactor::testing {

namespace {

const cuda::Gpu kGpu(0);
constexpr int kProducers = 3, kUploadsEach = 150, kAhead = 8;

struct Values {
  uint32_t first = 0;
  size_t count = 0;

  void write(std::byte* to) const {
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t value = first + i;
      std::memcpy(to + size_t{i} * sizeof(value), &value, sizeof(value));
    }
  }
  bool are_at(const void* from) const {
    for (uint32_t i = 0; i < count; ++i) {
      uint32_t value = 0;
      std::memcpy(&value, static_cast<const std::byte*>(from) + size_t{i} * sizeof(value), sizeof(value));
      if (value != first + i) return false;
    }
    return true;
  }
};

// Uploads on their way to the thread that calls kernels.
class Channel {
 public:
  struct Item {
    std::unique_ptr<Upload> upload;
    Values values;
  };
  void put(Item item) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return items_.size() < kAhead || closed_; });
    if (!closed_) items_.push_back(std::move(item));
    changed_.notify_all();
  }
  Item take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !items_.empty(); });
    Item item = std::move(items_.front());
    items_.pop_front();
    changed_.notify_all();
    return item;
  }
  // Nothing is taken any more: the others end.
  void close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  bool closed_ = false;
};

// Every tenth upload is dropped on the way, started or not; a last one without an upload ends the producer's.
void produce(cuda::Uploads& uploads, Channel& channel, unsigned seed) {
  std::mt19937 random(seed);
  for (int k = 0; k < kUploadsEach; ++k) {
    const Values values{static_cast<uint32_t>(random()), 100 + random() % 3 * 20000};
    std::unique_ptr<Upload> upload = uploads.upload(values.count * sizeof(uint32_t));
    values.write(upload->values());
    const bool dropped = random() % 10 == 0;
    if (!dropped || random() % 2 == 0) upload->start();
    if (!dropped) channel.put({std::move(upload), values});
  }
  channel.put({});
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("upload order: kernels see their own batch however slots are used again") {
    const cuda::Stream kernels = cuda::make_stream();
    CapturePools pools(cuda::device_memory(kGpu, kernels.get()), [] { return cuda::arena_memory(kGpu); });
    cuda::Uploads uploads(kGpu, kernels.get(), pools.gate(), [&] { pools.release_free(); });
    Channel channel;
    std::atomic<int> wrong = 0, kernels_run = 0;
    int taken = 0;
    {
      std::vector<std::jthread> others;  // producers, and threads that drop tensors
      for (int p = 0; p < kProducers; ++p)
        others.emplace_back([&, p] { produce(uploads, channel, static_cast<unsigned>(p) + 1); });
      const std::jthread trimming([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
          uploads.release_free();
        }
      });
      const struct Closing {
        Channel& channel;
        ~Closing() { channel.close(); }
      } closing{channel};
      std::mt19937 random(99);
      for (int ended = 0; ended < kProducers;) {
        Channel::Item item = channel.take();
        if (!item.upload) {
          ++ended;
          continue;
        }
        ++taken;
        Tensor tensor = item.upload->finish();
        item.upload.reset();
        run_on(kernels.get(), [&, data = tensor.raw_data(), values = item.values] {
          wrong += !values.are_at(data);
          std::this_thread::sleep_for(std::chrono::microseconds(100));
          wrong += !values.are_at(data);
          ++kernels_run;
        });
        switch (random() % 6) {
          case 0: {  // the tensor goes within a recording, and others may go on meanwhile
            const CapturePools::Recording recording(pools);
            set_recording(kernels.get(), true);
            tensor = {};
            std::this_thread::sleep_for(std::chrono::microseconds(500));
            set_recording(kernels.get(), false);
            break;
          }
          case 1:
            others.emplace_back([tensor = std::move(tensor)]() mutable {
              std::this_thread::sleep_for(std::chrono::microseconds(300));
              tensor = {};
            });
            break;
          default: break;
        }
      }
    }
    cuda::check_cuda(cudaStreamSynchronize(kernels.get()), "cudaStreamSynchronize");
    CHECK(taken > kProducers * kUploadsEach / 2);
    CHECK(kernels_run == taken);
    CHECK(wrong == 0);
    CHECK(misuses() == 0);
    CHECK(uploads.stats().in_use == 0);
    uploads.release_free();
    CHECK(uploads.stats().reserved == 0);
  }

  TEST_CASE("upload order: a slot serves sizes from half its own on and a dropped one is free") {
    const cuda::Stream kernels = cuda::make_stream();
    CapturePools pools(cuda::device_memory(kGpu, kernels.get()), [] { return cuda::arena_memory(kGpu); });
    cuda::Uploads uploads(kGpu, kernels.get(), pools.gate(), [] {});
    const auto upload = [&](size_t bytes) {
      const std::unique_ptr<Upload> made = uploads.upload(bytes);
      CHECK(reinterpret_cast<uintptr_t>(made->values()) % Tensor::kAlignment == 0);
      CHECK(uploads.stats().in_use >= bytes);
      return uploads.stats().system_requests;
    };
    CHECK(upload(6400) == 1);
    CHECK(upload(6400) == 1);
    CHECK(upload(3200) == 1);
    CHECK(upload(3198) == 2);
    CHECK(upload(6401) == 3);
    CHECK(uploads.stats().in_use == 0);
  }
}

}  // namespace cofactor::testing
