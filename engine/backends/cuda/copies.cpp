// Copies between the host and the device. Those of batches run beside the kernels (uploads.h); all others are queued
// among the kernels, which therefore see them, and see each other's values, in order.
#include <fmt/format.h>

#include <cstring>

#include "engine/backends/cuda/context.h"

namespace cofactor {

using cuda::check_cuda;

void CudaBackend::copy_from_host(void* device_data, const void* host_data, size_t bytes) {
  if (bytes == 0) return;
  Context& context = *context_;
  RecordingGate& gate = context.device.gate();
  gate.refuse("a copy of {} bytes from the host", bytes);
  context.staging.collect();
  cuda::Staging::Block block(context.staging, bytes);
  std::memcpy(block.data(), host_data, bytes);
  const auto lock = gate.enter();
  check_cuda(cudaMemcpyAsync(device_data, block.data(), bytes, cudaMemcpyHostToDevice, context.stream.get()),
             fmt::format("cudaMemcpyAsync of {} bytes to the device", bytes));
  block.keep_until_done(context.stream.get());
}

void CudaBackend::copy_to_host(void* host_data, const void* device_data, size_t bytes) {
  if (bytes == 0) return;
  Context& context = *context_;
  RecordingGate& gate = context.device.gate();
  gate.refuse("a copy of {} bytes to the host", bytes);
  const cuda::Staging::Block block(context.staging, bytes);
  {
    const auto lock = gate.enter();
    check_cuda(cudaMemcpyAsync(block.data(), device_data, bytes, cudaMemcpyDeviceToHost, context.stream.get()),
               fmt::format("cudaMemcpyAsync of {} bytes to the host", bytes));
  }
  synchronize();
  std::memcpy(host_data, block.data(), bytes);
}

void CudaBackend::copy(void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  const auto lock = context_->device.gate().enter();
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, context_->stream.get()),
             fmt::format("cudaMemcpyAsync of {} bytes on the device", bytes));
}

// Errors of kernels that ran since the last call are reported here. Waits with the stream free for others.
void CudaBackend::synchronize() {
  RecordingGate& gate = context_->device.gate();
  gate.refuse("waiting for the device");
  const cuda::Event done = cuda::make_event();
  {
    const auto lock = gate.enter();
    check_cuda(cudaEventRecord(done.get(), context_->stream.get()), "cudaEventRecord");
  }
  check_cuda(cudaEventSynchronize(done.get()), "cudaEventSynchronize, for the work queued before");
}

std::unique_ptr<Upload> CudaBackend::upload(size_t bytes) {
  return context_->uploads.upload(bytes);
}

}  // namespace cofactor
