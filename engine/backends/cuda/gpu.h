// One GPU of this machine: how it becomes current, what it has, and why it cannot be used.
#pragma once

#include <cuda_runtime_api.h>

#include "engine/backends/cuda/error.h"
#include "engine/device.h"

namespace cofactor::cuda {

class Gpu {
 public:
  explicit Gpu(int index) : index_(index) {}

  int index() const { return index_; }
  Device device() const { return Device::cuda_at(index_); }

  // Makes it the calling thread's current GPU, to which calls of CUDA's runtime and its libraries refer. CUDA is asked
  // which one is current, since a program may choose another by itself. The one before is not restored.
  void make_current() const {
    int current = -1;
    check_cuda(cudaGetDevice(&current), "cudaGetDevice");
    if (current != index_) check_cuda(cudaSetDevice(index_), "cudaSetDevice");
  }
  // For destructors: a GPU that has failed stays as it is.
  void try_make_current() const noexcept { cudaSetDevice(index_); }

  struct Memory {
    size_t free, total;  // bytes
  };
  Memory memory() const;
  int attribute(cudaDeviceAttr name) const;

  // Makes it current and checks that this build's kernels and libraries run on it. Throws Error, which says why not and
  // what to do.
  void open() const;

 private:
  int index_;
};

// The number of GPUs. Throws Error, which says why and what to do, where CUDA finds none.
int count_gpus();

// The calling thread's current GPU.
inline Device current_gpu() {
  int current = 0;
  check_cuda(cudaGetDevice(&current), "cudaGetDevice");
  return Device::cuda_at(current);
}

// Asks for the code of one of this build's kernels on the current GPU (probe.cu).
cudaError_t probe_kernels();

}  // namespace cofactor::cuda
