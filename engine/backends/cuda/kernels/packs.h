// Adjacent elements that a thread reads and writes at once, in 16 bytes where alignment allows: a GPU's memory is as
// fast as it can be only with wide accesses. A kernel over packs is a struct with
//   template <int N> void run(int64_t at) const   which works on elements at .. at + N - 1
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <type_traits>

#include "engine/dtype.h"

namespace cofactor::cuda {

inline constexpr size_t kPackBytes = 16;

// Elements of T in 16 bytes: 8 of bf16, 4 of f32, 2 of f64. Of several types: so many that the smallest of them fill 16
// bytes.
template <class... Ts>
inline constexpr int kPackSize = static_cast<int>(kPackBytes / std::min({sizeof(Ts)...}));

// Whether all of these may be accessed 16 bytes at a time. Null pointers may. Tensors begin at blocks of a pool, which
// are aligned; a part of a tensor need not be.
template <class... T>
bool aligned_for_packs(const T*... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % kPackBytes == 0) && ...);
}

// Two numbers rounded to bf16, the first in the lower half of the word. NaN stays NaN.
COFACTOR_HD inline uint32_t round_to_bf16(float low, float high) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  uint32_t word;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
#else
  return uint32_t{bf16(low).bits} | uint32_t{bf16(high).bits} << 16;
#endif
}

// N adjacent elements of T at an address that is a multiple of their bytes, or of 16. As words, since the device's
// compiler joins words to wide accesses, and would move smaller elements one by one.
template <class T, int N>
struct Pack {
  using C = Compute<T>;
  static constexpr size_t kBytes = sizeof(T) * N;
  using Word = std::conditional_t<kBytes >= 4, uint32_t, std::conditional_t<kBytes == 2, uint16_t, uint8_t>>;
  static constexpr int kPerWord = static_cast<int>(std::max<size_t>(1, sizeof(Word) / sizeof(T)));
  struct [[gnu::may_alias]] alignas(std::min(kBytes, kPackBytes)) Words {
    Word word[kBytes / sizeof(Word)];
  };
  Words words = {};

  COFACTOR_HD static Pack load(const T* from) { return {*reinterpret_cast<const Words*>(from)}; }
  // To device memory, not to memory that a group shares.
  COFACTOR_HD void store(T* to) const {
#ifdef __CUDA_ARCH__
    // Of an assignment in a loop, nvcc 13 was seen to make four stores of one word each.
    if constexpr (kBytes % kPackBytes == 0) {
      const size_t address = __cvta_generic_to_global(to);
      for (size_t k = 0; k < kBytes / 4; k += 4)
        asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(address + 4 * k), "r"(words.word[k]),
                     "r"(words.word[k + 1]), "r"(words.word[k + 2]), "r"(words.word[k + 3])
                     : "memory");
      return;
    }
#endif
    *reinterpret_cast<Words*>(to) = words;
  }
  // Element k, widened. Where k is a constant it stays in registers.
  COFACTOR_HD C operator[](int k) const {
    if constexpr (sizeof(T) == 8) {
      return std::bit_cast<C>(uint64_t{words.word[2 * k]} | uint64_t{words.word[2 * k + 1]} << 32);
    } else if constexpr (sizeof(T) == 4) {
      return std::bit_cast<C>(words.word[k]);
    } else if constexpr (sizeof(T) == 2) {
      const uint32_t word = words.word[k / kPerWord];
      return std::bit_cast<float>(k % kPerWord == 0 ? word << 16 : word & 0xffff0000u);
    } else {
      return static_cast<C>(words.word[k / kPerWord] >> 8 * (k % kPerWord));
    }
  }
  // Values in what T is computed in, rounded.
  COFACTOR_HD static Pack of(const C (&values)[N]) {
    Pack pack{};
    for (int k = 0; k < N; ++k) {
      if constexpr (sizeof(T) == 8) {
        const auto bits = std::bit_cast<uint64_t>(values[k]);
        pack.words.word[2 * k] = static_cast<uint32_t>(bits);
        pack.words.word[2 * k + 1] = static_cast<uint32_t>(bits >> 32);
      } else if constexpr (sizeof(T) == 4) {
        pack.words.word[k] = std::bit_cast<uint32_t>(values[k]);
      } else if constexpr (sizeof(T) == 2 && N > 1) {
        if (k % 2 == 0) pack.words.word[k / 2] = round_to_bf16(values[k], values[k + 1]);
      } else if constexpr (sizeof(T) == 2) {
        pack.words.word[0] = bf16(values[0]).bits;
      } else {
        pack.words.word[k / kPerWord] |= static_cast<Word>(Word{values[k]} << 8 * (k % kPerWord));
      }
    }
    return pack;
  }
};

template <int N, class Body>
struct OverPacks {
  Body body;
  int64_t packs;
  COFACTOR_HD void operator()(int64_t i) const {
    if (i < packs) {
      body.template run<N>(i * N);
    } else {
      body.template run<1>(packs * N + (i - packs));
    }
  }
};

template <int N, class Body>
struct WholePacks {
  Body body;
  COFACTOR_HD void operator()(int64_t i) const { body.template run<N>(i * N); }
};

// Runs `body` over `count` elements: in packs of N and the rest one by one; all one by one unless packs `fit`.
template <int N, class Launch, class Body>
void each_pack(const Launch& launch, int64_t count, bool fit, const Body& body) {
  const int64_t packs = fit ? count / N : 0;
  launch.each(packs + (count - packs * N), OverPacks<N, Body>{body, packs});
}

// Calls body.template operator()<M>() with the widest M of N, N / 2 (where that is at least 4) and 1 that divides
// `length`; with 1 unless packs `fit`.
template <int N, class Body>
void dispatch_pack(int64_t length, bool fit, const Body& body) {
  if constexpr (N > 4) {
    if (length % N != 0) return dispatch_pack<N / 2>(length, fit, body);
  }
  if (fit && length % N == 0) return body.template operator()<N>();
  body.template operator()<1>();
}

// Runs `body` over `count` elements in rows of `length`; a pack lies in one row.
template <int N, class Launch, class Body>
void each_pack_in_rows(const Launch& launch, int64_t count, int64_t length, bool fit, const Body& body) {
  dispatch_pack<N>(length, fit, [&]<int M>() { launch.each(count / M, WholePacks<M, Body>{body}); });
}

}  // namespace cofactor::cuda
