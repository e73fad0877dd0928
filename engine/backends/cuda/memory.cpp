#include "engine/backends/cuda/memory.h"

#include <fmt/format.h>

#include <cstdint>

#include "engine/backends/cuda/error.h"

namespace cofactor::cuda {

namespace {

// What both sources of device memory share.
class GpuMemory : public MemorySource {
 public:
  explicit GpuMemory(Gpu gpu) : gpu_(gpu) {}
  std::string name() const override { return "the GPU"; }
  std::string advice() const override {
    try {
      const auto [free, total] = gpu_.memory();
      return fmt::format("; it has {} of {} bytes free. A lower --batch-size or --image-size needs less", free, total);
    } catch (const Error&) {  // the block that was refused is the one to report
      return "";
    }
  }
  bool on_host() const override { return false; }

 protected:
  const Gpu gpu_;

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
  DeviceMemory(Gpu gpu, cudaStream_t stream) : GpuMemory(gpu), stream_(stream) {
    check_cuda(cudaDeviceGetDefaultMemPool(&pool_, gpu.index()), "cudaDeviceGetDefaultMemPool");
    uint64_t keep_all = UINT64_MAX;
    check_cuda(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &keep_all), "cudaMemPoolSetAttribute");
  }
  void* obtain(size_t size) override {
    gpu_.make_current();
    void* data = nullptr;
    const cudaError_t status = cudaMallocAsync(&data, size, stream_);
    return block_or_null(status, data, "cudaMallocAsync", size);
  }
  void release(void* data, size_t) noexcept override {
    gpu_.try_make_current();
    cudaFreeAsync(data, stream_);
  }
  // The driver gives back what it knows to be free, which it learns by a wait.
  void trim() noexcept override {
    gpu_.try_make_current();
    cudaStreamSynchronize(stream_);
    cudaMemPoolTrimTo(pool_, 0);
  }

 private:
  cudaStream_t stream_;
  cudaMemPool_t pool_ = nullptr;
};

class ArenaMemory : public GpuMemory {
 public:
  using GpuMemory::GpuMemory;
  void* obtain(size_t size) override {
    gpu_.make_current();
    void* data = nullptr;
    const cudaError_t status = cudaMalloc(&data, size);
    return block_or_null(status, data, "cudaMalloc", size);
  }
  void release(void* data, size_t) noexcept override {
    gpu_.try_make_current();
    cudaFree(data);
  }
  std::string name() const override { return "the GPU, for a recorded step,"; }
};

class PinnedMemory : public MemorySource {
 public:
  explicit PinnedMemory(Gpu gpu) : gpu_(gpu) {}
  void* obtain(size_t size) override {
    gpu_.make_current();
    void* data = nullptr;
    if (cudaMallocHost(&data, size) == cudaSuccess) return data;
    cudaGetLastError();
    return nullptr;
  }
  void release(void* data, size_t) noexcept override {
    gpu_.try_make_current();
    cudaFreeHost(data);
  }
  std::string name() const override { return "the system (page-locked memory)"; }

 private:
  const Gpu gpu_;
};

}  // namespace

std::unique_ptr<MemorySource> device_memory(Gpu gpu, cudaStream_t stream) {
  return std::make_unique<DeviceMemory>(gpu, stream);
}

std::unique_ptr<MemorySource> arena_memory(Gpu gpu) {
  return std::make_unique<ArenaMemory>(gpu);
}

std::unique_ptr<MemorySource> pinned_memory(Gpu gpu) {
  return std::make_unique<PinnedMemory>(gpu);
}

}  // namespace cofactor::cuda
