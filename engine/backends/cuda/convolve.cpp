// Convolution by cuDNN: plans by shape, and what happens when one fails.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "engine/backends/cuda/context.h"

namespace cofactor {

namespace {

// Whether COFACTOR_LOG_PLANS is set, to anything but 0.
bool logs_plans() {
  static const bool wanted = [] {
    const char* text = std::getenv("COFACTOR_LOG_PLANS");
    return text && std::string_view(text) != "0";
  }();
  return wanted;
}

// The plan where that is wanted, and a warning where there is none.
void report(const cudnn::ConvProblem& problem, const cudnn::ConvPlans& plans) {
  const std::vector<std::string>& failures = plans.failures();
  const std::string reasons =
      failures.empty() ? "" : fmt::format(" ({} failed; the last: {})", failures.size(), failures.back());
  if (plans.plan()) {
    if (logs_plans()) fmt::print(stderr, "cuda: conv2d {}: {}{}\n", problem.text(), plans.plan()->text(), reasons);
  } else {
    fmt::print(stderr,
               "warning: cuda: conv2d {}: cuDNN has no engine for it, and a plain kernel, which is slow, runs{}\n",
               problem.text(), reasons);
  }
}

// Throws Error where the GPU does nothing any more. Returns whether a step is being recorded.
bool check_gpu(const cudnn::ConvProblem& problem, cudaStream_t stream, const std::string& failure) {
  cudaGetLastError();  // an error that is not sticky must not be reported again by the next call
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  const cudaError_t status = cudaStreamIsCapturing(stream, &capture);
  check(status == cudaSuccess, "conv2d {}: {}; after it the GPU reports {}", problem.text(), failure,
        cudaGetErrorName(status));
  return capture != cudaStreamCaptureStatusNone;
}

}  // namespace

bool CudaBackend::Context::convolve(const cudnn::ConvProblem& problem, const Tensor& x, const Tensor& w,
                                    const Tensor& y) {
  if (problem.dtype == DType::f64 || y.numel() == 0 || x.numel() == 0 || w.numel() == 0) return false;
  std::vector<int64_t> key = problem.key();
  auto found = convolutions.find(key);
  if (found == convolutions.end()) {
    if (convolutions.empty() && logs_plans())
      fmt::print(stderr, "cuda: cuDNN {} plans for {}\n", cudnnGetVersion(), cudnn::gpu_properties(cudnn.get()));
    found = convolutions.try_emplace(std::move(key), plan_device, problem).first;
    report(problem, found->second);
  }
  cudnn::ConvPlans& plans = found->second;
  while (const cudnn::Plan* plan = plans.plan()) {
    const Tensor workspace = scratch_memory(plan->workspace_bytes());
    // A plan that fails may have added a part already.
    const Tensor before = problem.accumulate && !plans.has_run() ? x.clone() : Tensor();
    const std::string failure =
        plan->execute(cudnn.get(), x.raw_data(), w.raw_data(), y.raw_data(), workspace.raw_data());
    if (failure.empty()) {
      if (!plans.has_run()) plans.set_has_run();
      return true;
    }
    const bool recording = check_gpu(problem, stream.get(), failure);
    check(!plans.has_run(), "conv2d {}, by a plan that has run before: {}", problem.text(), failure);
    plans.reject(failure);
    report(problem, plans);
    // The recording may hold a part of what failed.
    check(!recording, "conv2d {}, within a recorded step: {}", problem.text(), failure);
    if (before.defined()) x.copy_from(before);
  }
  return false;
}

}  // namespace cofactor
