// Sums over ranks, in the order of the ranks (engine/device_queue.h): the same bits as the host's, NaN's payload aside.
#pragma once

#include "engine/backends/cuda/kernels/launch.h"
#include "engine/backends/cuda/kernels/packs.h"
#include "engine/device_queue.h"

namespace cofactor::cuda {

// A pack per index, from element `first` on.
template <class T, int N>
struct AddRankTerms {
  T* own;
  const T* others;
  int64_t first, stride;
  int rank, ranks;

  COFACTOR_HD Pack<T, N> term(int of, int64_t at) const {
    if (of == rank) return Pack<T, N>::load(own + at);
    return Pack<T, N>::load(others + (of < rank ? of : of - 1) * stride + at);
  }
  COFACTOR_HD void operator()(int64_t i) const {
    const int64_t at = first + i * N;
    Compute<T> total[N];
    const auto start = term(0, at);
    for (int k = 0; k < N; ++k) total[k] = start[k];
    COFACTOR_ROLLED
    for (int of = 1; of < ranks; ++of) {
      const auto next = term(of, at);
      for (int k = 0; k < N; ++k) total[k] += next[k];
    }
    Pack<T, N>::of(total).store(own + at);
  }
};

// Packs where alignment allows, and what they leave element by element.
template <class Launch>
void add_rank_terms(const Launch& launch, const RankTerms& terms) {
  if (terms.ranks == 1) return;
  dispatch_floating(terms.dtype, "all_reduce", [&]<class T>() {
    constexpr int kPack = kPackSize<T>;
    T* own = static_cast<T*>(terms.own);
    const T* others = static_cast<const T*>(terms.others);
    const bool aligned = aligned_for_packs(own, others) && terms.stride % kPack == 0;
    const int64_t packs = aligned ? terms.count / kPack : 0, rest = terms.count - packs * kPack;
    const auto bytes_of_all = [&](int64_t count) {
      return (terms.ranks + 1) * count * static_cast<int64_t>(sizeof(T));
    };
    launch.moves(bytes_of_all(packs * kPack))
        .each(packs, AddRankTerms<T, kPack>{own, others, 0, terms.stride, terms.rank, terms.ranks});
    launch.moves(bytes_of_all(rest))
        .each(rest, AddRankTerms<T, 1>{own, others, packs * kPack, terms.stride, terms.rank, terms.ranks});
  });
}

}  // namespace cofactor::cuda
