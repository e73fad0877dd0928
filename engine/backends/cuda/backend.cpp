// The backend itself: its device and memory.
#include "engine/backends/cuda/backend.h"

#include <fmt/format.h>

#include "engine/backends/cuda/context.h"

namespace cofactor {

using cuda::check_cuda;

std::string CudaBackend::unavailable() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) {
    cudaGetLastError();
    return fmt::format("cudaGetDeviceCount: {} ({})", cudaGetErrorName(status), cudaGetErrorString(status));
  }
  return count > 0 ? "" : "CUDA finds no GPU";
}

CudaBackend::CudaBackend() {
  const std::string reason = unavailable();
  check(reason.empty(), "device cuda: this machine has no GPU that can be used ({})", reason);
  context_ = std::make_unique<Context>();
}

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
  context_->device.deallocate(data, bytes);
}

MemoryStats CudaBackend::memory_stats() const {
  MemoryStats stats = context_->device.stats();
  return stats += context_->uploads.stats();
}

std::optional<size_t> CudaBackend::free_memory() const {
  size_t free = 0, total = 0;
  check_cuda(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return free;
}

void CudaBackend::check_bf16() const {
  int device = 0, major = 0;
  cuda::check_cuda(cudaGetDevice(&device), "cudaGetDevice");
  cuda::check_cuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "cudaDeviceGetAttribute");
  check(major >= 8, "precision bf16: this GPU's compute capability is {}.x, and bf16 needs 8.0 or later", major);
}

void CudaBackend::set_allow_tf32(bool allow) {
  context_->allow_tf32 = allow;
}

}  // namespace cofactor
