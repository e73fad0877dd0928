// Sums over ranks, in the order of the ranks (engine/device_queue.h): the same bits as the host's, NaN's payload aside.
#pragma once

#include "engine/backends/cuda/kernels/launch.h"
#include "engine/backends/cuda/kernels/packs.h"
#include "engine/device_queue.h"

namespace cofactor::cuda {

// A pack per index. The terms of the other ranks follow each other without a gap, so only packs that divide their
// number are aligned.
template <class T, int N>
struct AddRankTerms {
  T* own;
  const T* others;
  int64_t count;
  int rank, ranks;

  COFACTOR_HD Pack<T, N> term(int of, int64_t at) const {
    if (of == rank) return Pack<T, N>::load(own + at);
    return Pack<T, N>::load(others + (of < rank ? of : of - 1) * count + at);
  }
  COFACTOR_HD void operator()(int64_t i) const {
    const int64_t at = i * N;
    Compute<T> total[N];
    const auto first = term(0, at);
    for (int k = 0; k < N; ++k) total[k] = first[k];
    COFACTOR_ROLLED
    for (int of = 1; of < ranks; ++of) {
      const auto next = term(of, at);
      for (int k = 0; k < N; ++k) total[k] += next[k];
    }
    Pack<T, N>::of(total).store(own + at);
  }
};

template <class Launch>
void add_rank_terms(const Launch& launch, const RankTerms& terms) {
  if (terms.ranks == 1) return;
  dispatch_floating(terms.dtype, "all_reduce", [&]<class T>() {
    constexpr int kPack = kPackSize<T>;
    T* own = static_cast<T*>(terms.own);
    const T* others = static_cast<const T*>(terms.others);
    const auto& moving = launch.moves((terms.ranks + 1) * terms.count * static_cast<int64_t>(sizeof(T)));
    if (terms.count % kPack == 0 && aligned_for_packs(own, others)) {
      moving.each(terms.count / kPack, AddRankTerms<T, kPack>{own, others, terms.count, terms.rank, terms.ranks});
    } else {
      moving.each(terms.count, AddRankTerms<T, 1>{own, others, terms.count, terms.rank, terms.ranks});
    }
  });
}

}  // namespace cofactor::cuda
