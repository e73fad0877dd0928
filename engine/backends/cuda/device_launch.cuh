// What launches the kernels of kernels/ on the GPU. Only .cu files include it.
#pragma once

#include <cub/block/block_reduce.cuh>
#include <cub/device/device_radix_sort.cuh>

#include "engine/backends/cuda/gpu.h"
#include "engine/backends/cuda/kernels/launch.h"
#include "engine/tensor.h"

namespace cofactor::cuda {

// A block of threads as kernels/launch.h describes a group.
class BlockGroup {
 public:
  __device__ int rank() const { return static_cast<int>(threadIdx.x); }
  __device__ int size() const { return kBlockThreads; }
  __device__ void sync() const { __syncthreads(); }

  template <class T>
  __device__ T sum(T value) const {
    return over(value, [](T a, T b) { return a + b; });
  }
  // Keeps NaN.
  template <class T>
  __device__ T maximum(T value) const {
    return over(value, [](T a, T b) { return a > b || a != a ? a : b; });
  }

 private:
  template <class T, class Join>
  __device__ T over(T value, Join join) const {
    using Reduce = cub::BlockReduce<T, kBlockThreads>;
    __shared__ typename Reduce::TempStorage storage;
    __shared__ T result;
    __syncthreads();  // the one before may still be read
    const T joined = Reduce(storage).Reduce(value, join);
    if (threadIdx.x == 0) result = joined;
    __syncthreads();
    return result;
  }
};

template <class F>
__global__ void __launch_bounds__(kBlockThreads) each_kernel(int64_t count, const F f) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) f(i);
}

template <class F>
__global__ void __launch_bounds__(kBlockThreads) groups_kernel(int64_t count, const F f) {
  for (int64_t i = blockIdx.x; i < count; i += gridDim.x) f(BlockGroup(), i);
}

template <class F>
__global__ void __launch_bounds__(kBlockThreads) groups_with_memory_kernel(int64_t count, const F f) {
  __shared__ typename F::Shared shared;
  for (int64_t i = blockIdx.x; i < count; i += gridDim.x) {
    f(BlockGroup(), i, shared);
    __syncthreads();
  }
}

// Launches on one stream; a launch that fails is an Error that names the op and its shape.
class DeviceLaunch {
 public:
  DeviceLaunch(cudaStream_t stream, std::string_view op, const Shape& shape)
      : stream_(stream), op_(op), shape_(shape) {}

  template <class F>
  void each(int64_t count, const F& f) const {
    if (count <= 0) return;
    each_kernel<<<static_cast<unsigned>(blocks_for(count)), kBlockThreads, 0, stream_>>>(count, f);
    check_launch();
  }
  template <class F>
  void groups(int64_t count, const F& f) const {
    if (count <= 0) return;
    groups_kernel<<<static_cast<unsigned>(std::min(count, kMaxBlocks)), kBlockThreads, 0, stream_>>>(count, f);
    check_launch();
  }
  // As groups, with memory that the group's threads share: f(group, i, shared).
  template <class F>
  void groups_with_memory(int64_t count, const F& f) const {
    if (count <= 0) return;
    groups_with_memory_kernel<<<static_cast<unsigned>(std::min(count, kMaxBlocks)), kBlockThreads, 0, stream_>>>(count,
                                                                                                                 f);
    check_launch();
  }
  void sort_pairs(const int32_t* keys, const int32_t* values, int64_t count, int32_t* sorted_keys,
                  int32_t* sorted_values) const {
    const auto sort = [&](void* scratch, size_t& bytes) {
      check_cuda(cub::DeviceRadixSort::SortPairs(scratch, bytes, keys, sorted_keys, values, sorted_values, count, 0, 32,
                                                 stream_),
                 "cub::DeviceRadixSort::SortPairs", op_, shape_);
    };
    size_t bytes = 0;
    sort(nullptr, bytes);
    const Tensor scratch = Tensor::empty({static_cast<int64_t>(bytes)}, DType::u8, current_gpu());
    sort(scratch.raw_data(), bytes);
  }

 private:
  void check_launch() const { check_cuda(cudaGetLastError(), "the launch of a kernel", op_, shape_); }

  cudaStream_t stream_;
  std::string_view op_;
  const Shape& shape_;
};

}  // namespace cofactor::cuda
