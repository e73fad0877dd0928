// Every call of CUDA and its libraries is checked with one of these. The Error names the op with its shape, the call
// and what the library says: "conv2d of (128, 28, 28, 1): cudnnBackendExecute: CUDNN_STATUS_NOT_SUPPORTED (...)".
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <cusolverDn.h>

#include <string_view>

#include "engine/shape.h"

namespace cofactor::cuda {

[[noreturn]] void fail_cuda(cudaError_t status, std::string_view call, std::string_view op, const Shape* shape);
[[noreturn]] void fail_cudnn(cudnnStatus_t status, std::string_view call, std::string_view op, const Shape* shape);
[[noreturn]] void fail_cublas(cublasStatus_t status, std::string_view call, std::string_view op, const Shape* shape);
[[noreturn]] void fail_cusolver(cusolverStatus_t status, std::string_view call, std::string_view op,
                                const Shape* shape);

inline void check_cuda(cudaError_t status, std::string_view call, std::string_view op, const Shape& shape) {
  if (status != cudaSuccess) fail_cuda(status, call, op, &shape);
}
// For calls that belong to no op: handles, streams, memory.
inline void check_cuda(cudaError_t status, std::string_view call) {
  if (status != cudaSuccess) fail_cuda(status, call, "cuda", nullptr);
}
inline void check_cudnn(cudnnStatus_t status, std::string_view call, std::string_view op, const Shape& shape) {
  if (status != CUDNN_STATUS_SUCCESS) fail_cudnn(status, call, op, &shape);
}
inline void check_cudnn(cudnnStatus_t status, std::string_view call) {
  if (status != CUDNN_STATUS_SUCCESS) fail_cudnn(status, call, "cuda", nullptr);
}
inline void check_cublas(cublasStatus_t status, std::string_view call, std::string_view op, const Shape& shape) {
  if (status != CUBLAS_STATUS_SUCCESS) fail_cublas(status, call, op, &shape);
}
inline void check_cublas(cublasStatus_t status, std::string_view call) {
  if (status != CUBLAS_STATUS_SUCCESS) fail_cublas(status, call, "cuda", nullptr);
}
inline void check_cusolver(cusolverStatus_t status, std::string_view call, std::string_view op, const Shape& shape) {
  if (status != CUSOLVER_STATUS_SUCCESS) fail_cusolver(status, call, op, &shape);
}
inline void check_cusolver(cusolverStatus_t status, std::string_view call) {
  if (status != CUSOLVER_STATUS_SUCCESS) fail_cusolver(status, call, "cuda", nullptr);
}

}  // namespace cofactor::cuda
