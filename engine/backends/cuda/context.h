// What the cuda backend's kernels share. Only this folder includes it.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "engine/backends/capture_pools.h"
#include "engine/backends/cuda/backend.h"
#include "engine/backends/cuda/cudnn_graph.h"
#include "engine/backends/cuda/gpu.h"
#include "engine/backends/cuda/handles.h"
#include "engine/backends/cuda/memory.h"
#include "engine/backends/cuda/staging.h"
#include "engine/backends/cuda/uploads.h"
#include "engine/captured_step.h"

namespace cofactor {

// A matrix product in cuBLASLt, whose algorithm is chosen once per shape.
struct MatmulPlan {
  cublasLtMatmulAlgo_t algorithm{};
  size_t workspace_bytes = 0;
};

struct CudaBackend::Context {
  // The GPU is current.
  explicit Context(cuda::Gpu which) : gpu(which) {}

  // Runs a convolution with cuDNN. False for f64 and empty tensors, and, with a warning, where no engine is left.
  // Throws Error where a plan fails that has run before, within a recording, and where the GPU is lost.
  bool convolve(const cudnn::ConvProblem& problem, const Tensor& x, const Tensor& w, const Tensor& y);
  // y (M, N) = op(a) op(b) + bias by cuBLASLt, where a bias, if any, has the type of y and of the factors.
  void multiply(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias,
                const Tensor& y);
  // LU with partial pivoting by cuSOLVER, in place, of a (n, n) f64; pivots (n) i64, as bytes; info (1) i32.
  void factorize(const Tensor& a, const Tensor& pivots, const Tensor& info);
  // After a call of cuSOLVER that was given this much of the host's memory.
  void wait_for_host_workspace(size_t bytes);

  const cuda::Gpu gpu;
  cuda::Stream stream = cuda::make_stream();  // kernels, and all copies but those of uploads
  CapturePools device{cuda::device_memory(gpu, stream.get()), [gpu = gpu] { return cuda::arena_memory(gpu); }};
  cuda::Staging staging{gpu};
  cuda::Uploads uploads{gpu, stream.get(), device.gate(), [this] { device.release_free(); }};

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

inline CudaBackend::Context& CudaBackend::OnGpu::operator*() const {
  context_->gpu.make_current();
  return *context_;
}
inline CudaBackend::Context* CudaBackend::OnGpu::operator->() const {
  return &**this;
}

// A u8 tensor of scratch memory on the current GPU, which is the backend's after a use of its context.
inline Tensor scratch_memory(size_t bytes) {
  return Tensor::empty({static_cast<int64_t>(bytes)}, DType::u8, cuda::current_gpu());
}

}  // namespace cofactor
