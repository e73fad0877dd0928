// What the cuda backend's kernels share. Only this folder includes it.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "engine/backends/capture_pools.h"
#include "engine/backends/cuda/backend.h"
#include "engine/backends/cuda/cudnn_graph.h"
#include "engine/backends/cuda/handles.h"
#include "engine/backends/cuda/memory.h"
#include "engine/captured_step.h"

namespace cofactor {

// A matrix product in cuBLASLt, whose algorithm is chosen once per shape.
struct MatmulPlan {
  cublasLtMatmulAlgo_t algorithm{};
  size_t workspace_bytes = 0;
};

struct CudaBackend::Context {
  // Runs a convolution with cuDNN. False for f64 and empty tensors, and, with a warning, where no engine is left.
  // Throws Error where a plan fails that has run before, within a recording, and where the GPU is lost.
  bool convolve(const cudnn::ConvProblem& problem, const Tensor& x, const Tensor& w, const Tensor& y);
  // y (M, N) = op(a) op(b) + bias by cuBLASLt; a bias beside anything but f32 is left out, and false returned.
  bool multiply(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias,
                const Tensor& y);
  // LU with partial pivoting by cuSOLVER, in place, of a (n, n) f64; pivots (n) i64, as bytes; info (1) i32.
  void factorize(const Tensor& a, const Tensor& pivots, const Tensor& info);

  cuda::Stream stream = cuda::make_stream();        // kernels
  cuda::Stream copies = cuda::make_stream();        // copies of batches from the host
  cuda::Event kernels_queued = cuda::make_event();  // a copy waits for the kernels before it
  CapturePools device{cuda::device_memory(stream.get()), cuda::arena_memory};
  MemoryPool pinned{cuda::pinned_memory()};
  std::mutex copying;                       // guards `kernels_queued` and `in_flight`; held while a step is recorded
  std::atomic<std::thread::id> recorder{};  // the thread that records a step
  // Staging blocks whose copies may still run, oldest first.
  struct InFlight {
    cuda::Event done;
    void* data;
    size_t bytes;
  };
  std::vector<InFlight> in_flight;

  cuda::CudnnHandle cudnn = cuda::make_cudnn(stream.get());
  cuda::CublasLtHandle cublas = cuda::make_cublas();
  cuda::CusolverHandle cusolver = cuda::make_cusolver(stream.get());
  cudnn::PlanDevice plan_device{cudnn.get()};
  std::map<std::vector<int64_t>, cudnn::ConvPlans> convolutions;  // by ConvProblem::key
  std::map<std::vector<int64_t>, MatmulPlan> products;
  bool allow_tf32 = false;

  // While a step is recorded: the device address from which its kernels read the values that differ between replays.
  const StepValues* step_values = nullptr;
};

// A u8 tensor of scratch memory.
inline Tensor scratch_memory(size_t bytes) {
  return Tensor::empty({static_cast<int64_t>(bytes)}, DType::u8, Device::cuda);
}

}  // namespace cofactor
