// What launches the kernels of kernels/ on the GPU. Only .cu files include it.
#pragma once

#include <cooperative_groups.h>

#include <cub/block/block_reduce.cuh>
#include <cub/device/device_radix_sort.cuh>
#include <map>
#include <mutex>

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

  template <class F>
  __device__ void lanes(const F& f) const {
    f(rank());
  }
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

// A warp of a block as a group.
class WarpGroup {
 public:
  __device__ int rank() const { return static_cast<int>(threadIdx.x) % kWarpThreads; }
  __device__ int size() const { return kWarpThreads; }
  __device__ void sync() const { __syncwarp(); }

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
  static constexpr unsigned kAll = 0xffffffffu;

  // The result is lane 0's in every lane: the two zeros of a maximum would else depend on the lane.
  template <class T, class Join>
  __device__ T over(T value, Join join) const {
    for (int distance = kWarpThreads / 2; distance > 0; distance /= 2)
      value = join(value, __shfl_down_sync(kAll, value, distance));
    return __shfl_sync(kAll, value, 0);
  }
};

// Bytes of memory that the threads of a block share for a function of groups.
template <class F>
constexpr size_t shared_bytes() {
  if constexpr (SharesMemory<F>) return sizeof(typename F::Shared);
  return 0;
}

// f for the indices that are this block's, with the block's shared memory.
template <class F>
__device__ void run_groups(int64_t count, const F& f, [[maybe_unused]] void* shared) {
  COFACTOR_ROLLED
  for (int64_t i = blockIdx.x; i < count; i += gridDim.x) {
    if constexpr (SharesMemory<F>) {
      f(BlockGroup(), i, *static_cast<typename F::Shared*>(shared));
      __syncthreads();
    } else {
      f(BlockGroup(), i);
    }
  }
}

template <class F>
__global__ void __launch_bounds__(kBlockThreads) each_kernel(int64_t count, const F f) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) f(i);
}

template <class F>
__global__ void __launch_bounds__(kBlockThreads) warps_kernel(int64_t count, const F f) {
  constexpr int kWarps = kBlockThreads / kWarpThreads;
  const int64_t step = int64_t{gridDim.x} * kWarps;
  for (int64_t i = int64_t{blockIdx.x} * kWarps + threadIdx.x / kWarpThreads; i < count; i += step) f(WarpGroup(), i);
}

// Stages, one after the other, as one argument of a kernel.
template <class F, class... More>
struct StageChain {
  Stage<F> first;
  StageChain<More...> rest;

  static constexpr size_t kSharedBytes = std::max(shared_bytes<F>(), StageChain<More...>::kSharedBytes);
  StageChain(const Stage<F>& stage, const Stage<More>&... more) : first(stage), rest(more...) {}
  // All stages, or the one with number `only`.
  __device__ void run(void* shared, int only) const {
    if (only <= 0) run_groups(first.count, first.run, shared);
    if (only < 0) cooperative_groups::this_grid().sync();
    if (only != 0) rest.run(shared, only - (only > 0));
  }
};
template <class F>
struct StageChain<F> {
  Stage<F> first;

  static constexpr size_t kSharedBytes = std::max(shared_bytes<F>(), size_t{1});
  explicit StageChain(const Stage<F>& stage) : first(stage) {}
  __device__ void run(void* shared, int) const { run_groups(first.count, first.run, shared); }
};

template <class F>
__global__ void __launch_bounds__(kBlockThreads) groups_kernel(const StageChain<F> chain) {
  __shared__ alignas(16) unsigned char shared[StageChain<F>::kSharedBytes];
  chain.run(shared, 0);
}

inline constexpr int kAllStages = -1;

// The stage with number `only`, or all in one cooperative launch: then all blocks must be on the GPU at once.
template <class Chain>
__global__ void __launch_bounds__(kBlockThreads, kStageBlocks) stages_kernel(const Chain chain, int only) {
  __shared__ alignas(16) unsigned char shared[Chain::kSharedBytes];
  chain.run(shared, only);
}

// How many blocks of stages_kernel<Chain> the current GPU holds at once; 0: it has no cooperative launches.
template <class Chain>
int64_t resident_blocks(std::string_view op, const Shape& shape) {
  static std::mutex mutex;
  static std::map<int, int64_t> known;  // by GPU
  int device = 0;
  check_cuda(cudaGetDevice(&device), "cudaGetDevice", op, shape);
  const std::scoped_lock lock(mutex);
  const auto found = known.find(device);
  if (found != known.end()) return found->second;
  int cooperative = 0, processors = 0, per_processor = 0;
  check_cuda(cudaDeviceGetAttribute(&cooperative, cudaDevAttrCooperativeLaunch, device), "cudaDeviceGetAttribute", op,
             shape);
  check_cuda(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device), "cudaDeviceGetAttribute", op,
             shape);
  check_cuda(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&per_processor, stages_kernel<Chain>, kBlockThreads, 0),
             "cudaOccupancyMaxActiveBlocksPerMultiprocessor", op, shape);
  return known[device] = cooperative ? int64_t{processors} * per_processor : 0;
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
    groups_kernel<<<static_cast<unsigned>(std::min(count, kMaxBlocks)), kBlockThreads, 0, stream_>>>(
        StageChain<F>(Stage<F>{count, f}));
    check_launch();
  }
  template <class F>
  void warps(int64_t count, const F& f) const {
    if (count <= 0) return;
    const int64_t blocks = blocks_for(count, kBlockThreads / kWarpThreads);
    warps_kernel<<<static_cast<unsigned>(blocks), kBlockThreads, 0, stream_>>>(count, f);
    check_launch();
  }
  template <class... F>
  void stages(const Stage<F>&... stages) const {
    const StageChain<F...> chain(stages...);
    const int64_t resident = resident_blocks<StageChain<F...>>(op_, shape_);
    if (resident > 0) return launch_chain(chain, std::min(std::max({stages.count...}), resident), kAllStages);
    int number = 0;
    (launch_chain(chain, std::min(stages.count, kMaxBlocks), number++), ...);
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
  // What a launch moves is counted in the tests only.
  const DeviceLaunch& moves(int64_t) const { return *this; }

 private:
  template <class Chain>
  void launch_chain(const Chain& chain, int64_t blocks, int only) const {
    if (blocks <= 0) return;
    cudaLaunchAttribute cooperative{};
    cooperative.id = cudaLaunchAttributeCooperative;
    cooperative.val.cooperative = only == kAllStages;
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(static_cast<unsigned>(blocks));
    config.blockDim = dim3(kBlockThreads);
    config.stream = stream_;
    config.attrs = &cooperative;
    config.numAttrs = 1;
    check_cuda(cudaLaunchKernelEx(&config, stages_kernel<Chain>, chain, only), "the launch of a kernel", op_, shape_);
  }
  void check_launch() const { check_cuda(cudaGetLastError(), "the launch of a kernel", op_, shape_); }

  cudaStream_t stream_;
  std::string_view op_;
  const Shape& shape_;
};

}  // namespace cofactor::cuda
