// How the cuda backend's own kernels are written: as plain functions of an index, compiled for the device and for the
// host, so that the tests run the same source without a GPU. What launches them is a template parameter `Launch`:
//   launch.each(count, f)     f(i) for every i < count, in any order, each by one thread
//   launch.groups(count, f)   f(group, i) for every i < count, each by a group of kBlockThreads threads together
//   launch.warps(count, f)    the same by groups of kWarpThreads threads, for a little work per index
//   launch.stages(stage...)   one launch of several Stages, each as by groups: a stage sees all that earlier ones wrote
//   launch.sort_pairs(keys, values, count, sorted_keys, sorted_values)   of i32, by key, equal keys in their old order
//   launch.moves(bytes)       this launch, told the bytes that the next kernel reads from and writes to device memory
// Launches run in order: each sees everything that earlier ones wrote. Kernels must not depend on the number of
// threads of a group. A group has rank(), size() and
//   sum(value), maximum(value)   over its threads, the same result in all of them and the same in every run
//   sync()                       what a thread wrote before is seen by the others after
//   lanes(f)   f(lane) for every lane < kBlockThreads, each by one thread, the same one every time. On the GPU a lane
//   is
//              a thread. A warp has none.
// All threads of a group must call these. Where f has a type `Shared`, the group's threads share
// one, uninitialised, and f is called with it as the last argument: f(group, i, shared).
// DeviceLaunch (device_launch.cuh) launches on the GPU.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/dtype.h"
#include "engine/tensor.h"

// Before a loop: nvcc leaves it a loop. What it unrolls costs registers, and instructions that every multiprocessor
// must read before it runs them once.
#ifdef __CUDA_ARCH__
#define COFACTOR_ROLLED _Pragma("unroll 1")
#else
#define COFACTOR_ROLLED
#endif

namespace cofactor::cuda {

// Threads of a block in `each`, and of a group in `groups` and `stages`.
inline constexpr int kBlockThreads = 256;
inline constexpr int kWarpThreads = 32;
// Blocks of `stages` on a multiprocessor at once: their registers are limited to allow for as many.
inline constexpr int kStageBlocks = 3;
inline constexpr int64_t kMaxBlocks = 1 << 20;  // beyond, a thread takes several indices

// Blocks for `count` indices, `per_block` of them each; at least one block, since a launch of none is an error.
constexpr int64_t blocks_for(int64_t count, int64_t per_block = kBlockThreads) {
  return std::clamp<int64_t>((count + per_block - 1) / per_block, 1, kMaxBlocks);
}

// A part of launch.stages: run(group, i) for every i < count, each by a group of kBlockThreads threads.
template <class F>
struct Stage {
  int64_t count;
  F run;
};
template <class F>
Stage(int64_t, F) -> Stage<F>;

// Functions of a group whose threads share memory.
template <class F>
concept SharesMemory = requires {
  typename F::Shared;
};

// The bytes of tensors, for launch.moves. Undefined ones have none.
template <class... Tensors>
int64_t bytes_of(const Tensors&... tensors) {
  return ((tensors.defined() ? static_cast<int64_t>(tensors.nbytes()) : int64_t{0}) + ... + int64_t{0});
}

// Calls `body.template operator()<T>()` with an unsigned integer of the element's size, for kernels that only move.
template <class Body>
void dispatch_size(DType dtype, Body&& body) {
  switch (size_of(dtype)) {
    case 1: return body.template operator()<uint8_t>();
    case 2: return body.template operator()<uint16_t>();
    case 4: return body.template operator()<uint32_t>();
    default: return body.template operator()<uint64_t>();
  }
}

}  // namespace cofactor::cuda
