#include "engine/backends/cuda/memory.h"

#include <fmt/format.h>

#include <cstdint>

#include "engine/backends/cuda/error.h"

namespace cofactor::cuda {

namespace {

// What both sources of device memory share.
class GpuMemory : public MemorySource {
 public:
  std::string name() const override { return "the GPU"; }
  std::string advice() const override {
    size_t free = 0, total = 0;
    if (cudaMemGetInfo(&free, &total) != cudaSuccess) return "";
    return fmt::format("; it has {} of {} bytes free. A lower --batch-size or --image-size needs less", free, total);
  }
  bool on_host() const override { return false; }

 protected:
  // The block that a call made; null where there was no memory for it.
  static void* block_or_null(cudaError_t status, void* data, std::string_view call, size_t size) {
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      return nullptr;
    }
    check_cuda(status, fmt::format("{} of {} bytes", call, size));
    return data;
  }
};

class DeviceMemory : public GpuMemory {
 public:
  explicit DeviceMemory(cudaStream_t stream) : stream_(stream) {
    int device = 0;
    check_cuda(cudaGetDevice(&device), "cudaGetDevice");
    check_cuda(cudaDeviceGetDefaultMemPool(&pool_, device), "cudaDeviceGetDefaultMemPool");
    uint64_t keep_all = UINT64_MAX;
    check_cuda(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &keep_all), "cudaMemPoolSetAttribute");
  }
  void* obtain(size_t size) override {
    void* data = nullptr;
    const cudaError_t status = cudaMallocAsync(&data, size, stream_);
    return block_or_null(status, data, "cudaMallocAsync", size);
  }
  void release(void* data, size_t) noexcept override { cudaFreeAsync(data, stream_); }
  // The driver gives back what it knows to be free, which it learns by a wait.
  void trim() noexcept override {
    cudaStreamSynchronize(stream_);
    cudaMemPoolTrimTo(pool_, 0);
  }

 private:
  cudaStream_t stream_;
  cudaMemPool_t pool_ = nullptr;
};

class ArenaMemory : public GpuMemory {
 public:
  void* obtain(size_t size) override {
    void* data = nullptr;
    const cudaError_t status = cudaMalloc(&data, size);
    return block_or_null(status, data, "cudaMalloc", size);
  }
  void release(void* data, size_t) noexcept override { cudaFree(data); }
  std::string name() const override { return "the GPU, for a recorded step,"; }
};

class PinnedMemory : public MemorySource {
 public:
  void* obtain(size_t size) override {
    void* data = nullptr;
    if (cudaMallocHost(&data, size) == cudaSuccess) return data;
    cudaGetLastError();
    return nullptr;
  }
  void release(void* data, size_t) noexcept override { cudaFreeHost(data); }
  std::string name() const override { return "the system (page-locked memory)"; }
};

}  // namespace

std::unique_ptr<MemorySource> device_memory(cudaStream_t stream) {
  return std::make_unique<DeviceMemory>(stream);
}

std::unique_ptr<MemorySource> arena_memory() {
  return std::make_unique<ArenaMemory>();
}

std::unique_ptr<MemorySource> pinned_memory() {
  return std::make_unique<PinnedMemory>();
}

}  // namespace cofactor::cuda
