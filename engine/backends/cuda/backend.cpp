// The backend itself: its device, memory and copies.
#include "engine/backends/cuda/backend.h"

#include <fmt/format.h>

#include <cstring>

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
  return context_->device.allocate(bytes);
}

void CudaBackend::deallocate(void* data, size_t bytes) noexcept {
  context_->device.deallocate(data, bytes);
}

MemoryStats CudaBackend::memory_stats() const {
  return context_->device.stats();
}

std::optional<size_t> CudaBackend::free_memory() const {
  size_t free = 0, total = 0;
  check_cuda(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return free;
}

std::optional<size_t> CudaBackend::used_memory() const {
  size_t free = 0, total = 0;
  check_cuda(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return total - free;
}

// Uses page-locked memory and a separate stream. The copy waits for the kernels queued before it, which may still use
// the block's previous contents, and the kernels queued after it wait for the copy.
void CudaBackend::copy_from_host(void* device_data, const void* host_data, size_t bytes) {
  if (bytes == 0) return;
  Context& context = *context_;
  check(context.recorder != std::this_thread::get_id(),
        "capture: {} bytes cannot be copied from the host within a recorded step", bytes);
  const std::scoped_lock lock(context.copying);
  std::erase_if(context.in_flight, [&](const Context::InFlight& copy) {
    if (cudaEventQuery(copy.done.get()) != cudaSuccess) return false;
    context.pinned.deallocate(copy.data, copy.bytes);
    return true;
  });
  cudaGetLastError();  // clears "not ready", which is not an error
  void* staging = context.pinned.allocate(bytes);
  std::memcpy(staging, host_data, bytes);
  check_cuda(cudaEventRecord(context.kernels_queued.get(), context.stream.get()), "cudaEventRecord");
  check_cuda(cudaStreamWaitEvent(context.copies.get(), context.kernels_queued.get()), "cudaStreamWaitEvent");
  check_cuda(cudaMemcpyAsync(device_data, staging, bytes, cudaMemcpyHostToDevice, context.copies.get()),
             fmt::format("cudaMemcpyAsync of {} bytes to the device", bytes));
  context.in_flight.push_back({cuda::make_event(), staging, bytes});
  check_cuda(cudaEventRecord(context.in_flight.back().done.get(), context.copies.get()), "cudaEventRecord");
  check_cuda(cudaStreamWaitEvent(context.stream.get(), context.in_flight.back().done.get()), "cudaStreamWaitEvent");
}

void CudaBackend::copy_to_host(void* host_data, const void* device_data, size_t bytes) {
  if (bytes == 0) return;
  check(context_->recorder != std::this_thread::get_id(),
        "capture: {} bytes cannot be copied to the host within a recorded step", bytes);
  void* staging = context_->pinned.allocate(bytes);
  check_cuda(cudaMemcpyAsync(staging, device_data, bytes, cudaMemcpyDeviceToHost, context_->stream.get()),
             fmt::format("cudaMemcpyAsync of {} bytes to the host", bytes));
  synchronize();
  std::memcpy(host_data, staging, bytes);
  context_->pinned.deallocate(staging, bytes);
}

void CudaBackend::copy(void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, context_->stream.get()),
             fmt::format("cudaMemcpyAsync of {} bytes on the device", bytes));
}

// Errors of kernels that ran since the last call are reported here.
void CudaBackend::synchronize() {
  check_cuda(cudaStreamSynchronize(context_->stream.get()), "cudaStreamSynchronize");
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
