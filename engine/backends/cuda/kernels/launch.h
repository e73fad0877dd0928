// How the cuda backend's own kernels are written: as plain functions of an index, compiled for the device and for the
// host, so that the tests run the same source without a GPU. What launches them is a template parameter `Launch`:
//   launch.each(count, f)     f(i) for every i < count, in any order, each by one thread
//   launch.groups(count, f)   f(group, i) for every i < count, each by a group of threads together
//   launch.sort_pairs(keys, values, count, sorted_keys, sorted_values)   of i32, by key, equal keys in their old order
// Launches run in order: each sees everything that earlier ones wrote. A group has rank(), size() and
//   sum(value), maximum(value)   over its threads, the same result in all of them and the same in every run
//   sync()                       what a thread wrote before is seen by the others after
// each of which all threads of the group must call. DeviceLaunch (device_launch.cuh) launches on the GPU.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/dtype.h"

namespace cofactor::cuda {

// Threads of a block in `each`, and of a group in `groups`.
inline constexpr int kBlockThreads = 256;
inline constexpr int64_t kMaxBlocks = 1 << 20;  // beyond, a thread takes several indices

// Blocks for `count` indices, one thread per index; at least one block, since a launch of none is an error.
constexpr int64_t blocks_for(int64_t count) {
  return std::clamp<int64_t>((count + kBlockThreads - 1) / kBlockThreads, 1, kMaxBlocks);
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
