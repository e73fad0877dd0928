#include "engine/backends/cuda/error.h"

#include <fmt/format.h>

#include <string>

#include "engine/error.h"

namespace cofactor::cuda {

namespace {

[[noreturn]] void fail_call(std::string_view call, std::string_view op, const Shape* shape, std::string_view said) {
  if (shape) fail("{} of {}: {}: {}", op, *shape, call, said);
  fail("{}: {}: {}", op, call, said);
}

// cuSOLVER has no function that names its statuses.
std::string_view name_of_status(cusolverStatus_t status) {
  switch (status) {
    case CUSOLVER_STATUS_NOT_INITIALIZED: return "CUSOLVER_STATUS_NOT_INITIALIZED";
    case CUSOLVER_STATUS_ALLOC_FAILED: return "CUSOLVER_STATUS_ALLOC_FAILED";
    case CUSOLVER_STATUS_INVALID_VALUE: return "CUSOLVER_STATUS_INVALID_VALUE";
    case CUSOLVER_STATUS_ARCH_MISMATCH: return "CUSOLVER_STATUS_ARCH_MISMATCH";
    case CUSOLVER_STATUS_EXECUTION_FAILED: return "CUSOLVER_STATUS_EXECUTION_FAILED";
    case CUSOLVER_STATUS_INTERNAL_ERROR: return "CUSOLVER_STATUS_INTERNAL_ERROR";
    case CUSOLVER_STATUS_NOT_SUPPORTED: return "CUSOLVER_STATUS_NOT_SUPPORTED";
    default: return "an error of cuSOLVER";
  }
}

}  // namespace

void fail_cuda(cudaError_t status, std::string_view call, std::string_view op, const Shape* shape) {
  cudaGetLastError();  // an error that is not sticky must not be reported again by the next call
  fail_call(call, op, shape, fmt::format("{} ({})", cudaGetErrorName(status), cudaGetErrorString(status)));
}

void fail_cudnn(cudnnStatus_t status, std::string_view call, std::string_view op, const Shape* shape) {
  std::string details(1024, '\0');
  cudnnGetLastErrorString(details.data(), details.size());
  details.resize(details.find('\0') == std::string::npos ? details.size() : details.find('\0'));
  fail_call(call, op, shape, fmt::format("{} ({})", cudnnGetErrorString(status), details));
}

void fail_cublas(cublasStatus_t status, std::string_view call, std::string_view op, const Shape* shape) {
  fail_call(call, op, shape, fmt::format("{} ({})", cublasLtGetStatusName(status), cublasLtGetStatusString(status)));
}

void fail_cusolver(cusolverStatus_t status, std::string_view call, std::string_view op, const Shape* shape) {
  fail_call(call, op, shape, fmt::format("{} ({})", name_of_status(status), static_cast<int>(status)));
}

}  // namespace cofactor::cuda
