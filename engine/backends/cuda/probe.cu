// Whether the kernels of this build have code for a GPU. All of them are compiled for the same architectures.
#include "engine/backends/cuda/gpu.h"

namespace cofactor::cuda {

namespace {

__global__ void probe_kernel() {}

}  // namespace

cudaError_t probe_kernels() {
  cudaFuncAttributes attributes;
  return cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(&probe_kernel));
}

}  // namespace cofactor::cuda
