// Rows of adjacent elements that the threads of a group read together, in packs.
#pragma once

#include "engine/backends/cuda/kernels/launch.h"
#include "engine/backends/cuda/kernels/packs.h"

namespace cofactor::cuda {

// A warp reads a row of up to so many elements; a longer one is a group's.
inline constexpr int64_t kWarpRow = 1024;

// Calls f(c) for the first element c of each pack of a row that is this thread's.
template <int N, class Group, class F>
COFACTOR_HD void for_packs_of_row(const Group& group, int64_t length, const F& f) {
  for (int64_t c = int64_t{group.rank()} * N; c < length; c += int64_t{group.size()} * N) f(c);
}

// Runs make.template operator()<N>(), a function of a group and a row, over all rows: in packs of N where rows are long
// and packs `fit`.
template <class T, class Launch, class Make>
void launch_rows(const Launch& launch, int64_t rows, int64_t length, bool fit, const Make& make) {
  if (length <= kWarpRow) return launch.warps(rows, make.template operator()<1>());
  dispatch_pack<kPackSize<T>>(length, fit, [&]<int N>() { launch.groups(rows, make.template operator()<N>()); });
}

}  // namespace cofactor::cuda
