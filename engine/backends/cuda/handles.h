// CUDA's handles and streams, owned: made here, destroyed with their owner.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <cusolverDn.h>

#include <memory>
#include <type_traits>

#include "engine/backends/cuda/error.h"

namespace cofactor::cuda {

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T handle) const {
    destroy(handle);
  }
};
template <class Handle, auto destroy>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Destroy<destroy>>;

using Stream = Owned<cudaStream_t, cudaStreamDestroy>;
using Event = Owned<cudaEvent_t, cudaEventDestroy>;
using CudnnHandle = Owned<cudnnHandle_t, cudnnDestroy>;
using CublasLtHandle = Owned<cublasLtHandle_t, cublasLtDestroy>;
using CusolverHandle = Owned<cusolverDnHandle_t, cusolverDnDestroy>;

inline Stream make_stream() {
  cudaStream_t stream = nullptr;
  check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  return Stream(stream);
}

inline Event make_event(unsigned flags = cudaEventDisableTiming) {
  cudaEvent_t event = nullptr;
  check_cuda(cudaEventCreateWithFlags(&event, flags), "cudaEventCreateWithFlags");
  return Event(event);
}

inline CudnnHandle make_cudnn(cudaStream_t stream) {
  cudnnHandle_t handle = nullptr;
  check_cudnn(cudnnCreate(&handle), "cudnnCreate");
  CudnnHandle owned(handle);
  check_cudnn(cudnnSetStream(handle, stream), "cudnnSetStream");
  return owned;
}

inline CublasLtHandle make_cublas() {
  cublasLtHandle_t handle = nullptr;
  check_cublas(cublasLtCreate(&handle), "cublasLtCreate");
  return CublasLtHandle(handle);
}

inline CusolverHandle make_cusolver(cudaStream_t stream) {
  cusolverDnHandle_t handle = nullptr;
  check_cusolver(cusolverDnCreate(&handle), "cusolverDnCreate");
  CusolverHandle owned(handle);
  check_cusolver(cusolverDnSetStream(handle, stream), "cusolverDnSetStream");
  return owned;
}

}  // namespace cofactor::cuda
