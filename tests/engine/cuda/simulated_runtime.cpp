#include "tests/engine/cuda/simulated_runtime.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <thread>

#include "engine/backends/cuda/gpu.h"
#include "engine/backends/reference/backend.h"
#include "engine/error.h"

namespace {

std::atomic<int> misuse_count = 0;

// A point in a stream's work.
class Point {
 public:
  void reach() {
    {
      const std::scoped_lock lock(mutex_);
      reached_ = true;
    }
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return reached_; });
  }
  bool reached() {
    const std::scoped_lock lock(mutex_);
    return reached_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool reached_ = false;
};

void* new_block(size_t size) {
  constexpr size_t kAlignment = 256;
  return std::aligned_alloc(kAlignment, (size + kAlignment - 1) / kAlignment * kAlignment);
}

}  // namespace

struct CUevent_st {
  std::shared_ptr<Point> recorded() {
    const std::scoped_lock lock(mutex);
    return point;
  }
  std::mutex mutex;
  std::shared_ptr<Point> point;  // null: never recorded
};

struct CUstream_st {
  CUstream_st() {
    worker = std::jthread([this](const std::stop_token& stop) { work(stop); });
  }
  void queue(std::function<void()> task) {
    misuse_count += recording;
    {
      const std::scoped_lock lock(mutex);
      tasks.push_back(std::move(task));
    }
    queued.notify_one();
  }
  void work(const std::stop_token& stop) {
    std::mt19937 random(1);
    std::unique_lock lock(mutex);
    while (queued.wait(lock, stop, [&] { return !tasks.empty(); })) {
      const std::function<void()> task = std::move(tasks.front());
      tasks.pop_front();
      lock.unlock();
      if (random() % 8 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 200));
      task();
      lock.lock();
    }
  }
  std::atomic<bool> recording = false;
  std::mutex mutex;
  std::condition_variable_any queued;
  std::deque<std::function<void()>> tasks;
  std::jthread worker;
};

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CUstream_st;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const auto point = std::make_shared<Point>();
  stream->queue([point] { point->reach(); });
  point->wait();
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (const auto point = event->recorded()) stream->queue([point] { point->wait(); });
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const auto point = std::make_shared<Point>();
  {
    const std::scoped_lock lock(event->mutex);
    event->point = point;
  }
  stream->queue([point] { point->reach(); });
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (const auto point = event->recorded()) point->wait();
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  const auto point = event->recorded();
  return !point || point->reached() ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  static std::atomic<int> copies = 0;
  const bool slow = ++copies % 4 == 0;
  stream->queue([=] {
    if (slow) std::this_thread::sleep_for(std::chrono::microseconds(800));
    std::memcpy(to, from, bytes);
  });
  return cudaSuccess;
}
cudaError_t cudaMallocAsync(void** data, size_t size, cudaStream_t) {
  *data = new_block(size);
  return cudaSuccess;
}
cudaError_t cudaFreeAsync(void* data, cudaStream_t stream) {
  stream->queue([data] { std::free(data); });
  return cudaSuccess;
}
cudaError_t cudaMalloc(void** data, size_t size) {
  *data = new_block(size);
  return cudaSuccess;
}
cudaError_t cudaFree(void* data) {
  std::free(data);
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void** data, size_t size) {
  *data = new_block(size);
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* data) {
  std::free(data);
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int) {
  return cudaSuccess;
}
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int) {
  *pool = nullptr;
  return cudaSuccess;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) {
  return cudaSuccess;
}
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, size_t) {
  return cudaSuccess;
}
cudaError_t cudaGetLastError() {
  return cudaSuccess;
}
}

namespace cofactor {

// In place of the library's: the memory of the simulated GPU is the host's.
Backend& backend_of(Device) {
  static Backend& host = *new ReferenceBackend;
  return host;
}

void cuda::fail_cuda(cudaError_t status, std::string_view call, std::string_view op, const Shape*) {
  fail("{}: {}: status {}", op, call, static_cast<int>(status));
}

cuda::Gpu::Memory cuda::Gpu::memory() const {
  return {size_t{1} << 30, size_t{1} << 30};
}

namespace testing {

void run_on(cudaStream_t stream, std::function<void()> kernel) {
  stream->queue(std::move(kernel));
}

void set_recording(cudaStream_t stream, bool recording) {
  stream->recording = recording;
}

int misuses() {
  return misuse_count;
}

}  // namespace testing

}  // namespace cofactor
