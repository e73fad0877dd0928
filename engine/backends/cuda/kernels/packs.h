// Adjacent elements that a thread reads and writes at once, in 16 bytes where alignment allows: a GPU's memory is as
// fast as it can be only with wide accesses.
#pragma once

#include <bit>
#include <cstdint>

#include "engine/dtype.h"

namespace cofactor::cuda {

// Elements of T in 16 bytes: 8 of bf16, 4 of f32, 2 of f64.
template <class T>
inline constexpr int kPackSize = static_cast<int>(16 / sizeof(T));

// Whether all of these may be accessed 16 bytes at a time. Null pointers may.
template <class... T>
bool aligned_for_packs(const T*... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
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

// N adjacent elements of T: kPackSize<T> as words of 16 bytes, aligned so, or 1.
template <class T, int N>
struct Pack {
  static_assert(N == kPackSize<T>);
  using C = Compute<T>;
  struct alignas(16) Words {
    uint32_t word[4];
  };
  Words words;

  COFACTOR_HD static Pack load(const T* from) { return {*reinterpret_cast<const Words*>(from)}; }
  COFACTOR_HD void store(T* to) const { *reinterpret_cast<Words*>(to) = words; }
  // Element k, widened. Where k is a constant it stays in registers.
  COFACTOR_HD C operator[](int k) const {
    if constexpr (sizeof(T) == 2) {
      const uint32_t word = words.word[k / 2];
      return std::bit_cast<float>(k % 2 == 0 ? word << 16 : word & 0xffff0000u);
    } else if constexpr (sizeof(T) == 4) {
      return std::bit_cast<C>(words.word[k]);
    } else {
      return std::bit_cast<C>(uint64_t{words.word[2 * k]} | uint64_t{words.word[2 * k + 1]} << 32);
    }
  }
  // Values in what T is computed in, rounded.
  COFACTOR_HD static Pack of(const C (&values)[N]) {
    Pack pack;
    for (int k = 0; k < 4; ++k) {
      if constexpr (sizeof(T) == 2) {
        pack.words.word[k] = round_to_bf16(values[2 * k], values[2 * k + 1]);
      } else if constexpr (sizeof(T) == 4) {
        pack.words.word[k] = std::bit_cast<uint32_t>(values[k]);
      } else {
        pack.words.word[k] = static_cast<uint32_t>(std::bit_cast<uint64_t>(values[k / 2]) >> 32 * (k % 2));
      }
    }
    return pack;
  }
};

template <class T>
struct Pack<T, 1> {
  using C = Compute<T>;
  T value;

  COFACTOR_HD static Pack load(const T* from) { return {*from}; }
  COFACTOR_HD void store(T* to) const { *to = value; }
  COFACTOR_HD C operator[](int) const { return widen(value); }
  COFACTOR_HD static Pack of(const C (&values)[1]) { return {T(values[0])}; }
};

}  // namespace cofactor::cuda
