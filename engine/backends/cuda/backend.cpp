// The backend itself: its device and memory.
#include "engine/backends/cuda/backend.h"

#include <fmt/format.h>

#include "engine/backends/cuda/context.h"

namespace cofactor {

using cuda::check_cuda;

CudaBackend::OnGpu::OnGpu(int index) {
  const cuda::Gpu gpu(index);
  gpu.open();
  context_ = std::make_unique<Context>(gpu);
}

CudaBackend::OnGpu::~OnGpu() = default;

CudaBackend::CudaBackend(int index) : device_(Device::cuda_at(index)), context_(index) {}

CudaBackend::~CudaBackend() = default;

void* CudaBackend::allocate(size_t bytes) {
  try {
    return context_->device.allocate(bytes);
  } catch (const OutOfMemory&) {
    if (context_->device.gate().recording_here() || !context_->uploads.release_free()) throw;
    return context_->device.allocate(bytes);
  }
}

void CudaBackend::deallocate(void* data, size_t bytes) noexcept {
  context_.as_it_is().device.deallocate(data, bytes);
}

MemoryStats CudaBackend::memory_stats() const {
  Context& context = context_.as_it_is();
  MemoryStats stats = context.device.stats();
  return stats += context.uploads.stats();
}

std::optional<size_t> CudaBackend::free_memory() const {
  return context_->gpu.memory().free;
}

std::optional<size_t> CudaBackend::used_memory() const {
  const auto [free, total] = context_->gpu.memory();
  return total - free;
}

void CudaBackend::check_bf16() const {
  const int major = context_->gpu.attribute(cudaDevAttrComputeCapabilityMajor);
  check(major >= 8, "precision bf16: the compute capability of {} is {}.x, and bf16 needs 8.0 or later", device_,
        major);
}

void CudaBackend::set_allow_tf32(bool allow) {
  context_->allow_tf32 = allow;
}

}  // namespace cofactor
