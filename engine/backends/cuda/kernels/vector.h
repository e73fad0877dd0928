// Elements in packs of 16 bytes, the widest access of a thread: a warp then moves 512 bytes with one instruction. A
// kernel over packs is a struct with
//   template <int W> void run(int64_t at) const   which works on elements at .. at + W - 1
// and each_pack launches it: run<W> on whole packs, run<1> on the rest, or on all elements where packs cannot serve.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <type_traits>

#include "engine/backends/cuda/kernels/launch.h"
#include "engine/dtype.h"

namespace cofactor::cuda {

inline constexpr size_t kPackBytes = 16;

// The number of elements of a pack. Of several types: so many that the smallest of them fill 16 bytes.
template <class... Ts>
inline constexpr int pack_width = static_cast<int>(kPackBytes / std::min({sizeof(Ts)...}));

template <class T, int W>
struct Pack {
  T values[W];
  COFACTOR_HD T& operator[](int k) { return values[k]; }
  COFACTOR_HD const T& operator[](int k) const { return values[k]; }
};

template <size_t kBytes>
using Unsigned =
    std::conditional_t<kBytes == 1, uint8_t,
                       std::conditional_t<kBytes == 2, uint16_t, std::conditional_t<kBytes == 4, uint32_t, uint64_t>>>;

// A pack as memory holds it, in words of 32 bits (64 for f64), aligned so that the device's compiler joins them to
// accesses of up to 16 bytes; smaller elements it would move one by one. Words may alias elements of any type.
template <class T, int W>
struct [[gnu::may_alias]] alignas(std::min(sizeof(T) * W, kPackBytes)) PackMemory {
  static constexpr size_t kBytes = sizeof(T) * W;
  using Word = Unsigned<std::max(sizeof(T), std::min(kBytes, size_t{4}))>;
  static constexpr int kElements = static_cast<int>(sizeof(Word) / sizeof(T));  // of a word, the first in the low bits
  Word words[W / kElements];
};

template <int W, class T>
COFACTOR_HD inline Pack<T, W> load(const T* from) {
  using Memory = PackMemory<T, W>;
  const Memory memory = *reinterpret_cast<const Memory*>(from);
  Pack<T, W> pack;
  for (int k = 0; k < W; ++k) {
    const auto word = memory.words[k / Memory::kElements] >> (k % Memory::kElements * 8 * static_cast<int>(sizeof(T)));
    pack[k] = std::bit_cast<T>(static_cast<Unsigned<sizeof(T)>>(word));
  }
  return pack;
}

template <int W, class T>
COFACTOR_HD inline void store(T* to, const Pack<T, W>& pack) {
  using Memory = PackMemory<T, W>;
  using Word = typename Memory::Word;
  Memory memory{};
  for (int k = 0; k < W; ++k) {
    const Word element = std::bit_cast<Unsigned<sizeof(T)>>(pack[k]);
    memory.words[k / Memory::kElements] |=
        static_cast<Word>(element << (k % Memory::kElements * 8 * static_cast<int>(sizeof(T))));
  }
#ifdef __CUDA_ARCH__
  // Of a plain assignment in a loop, nvcc 13 was seen to make four stores of one word each.
  if constexpr (Memory::kBytes % kPackBytes == 0) {
    const auto words = std::bit_cast<std::array<uint32_t, Memory::kBytes / 4>>(memory);
    const size_t address = __cvta_generic_to_global(to);
    for (size_t k = 0; k < words.size(); k += 4)
      asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(address + 4 * k), "r"(words[k]), "r"(words[k + 1]),
                   "r"(words[k + 2]), "r"(words[k + 3])
                   : "memory");
    return;
  }
#endif
  *reinterpret_cast<Memory*>(to) = memory;
}

// Whether packs of W elements may be moved at each of the addresses. A null address is not used. Tensors begin at
// blocks of a pool, which are aligned; a part of a tensor need not be.
template <int W, class... Ts>
bool packs_fit(const Ts*... addresses) {
  return ((reinterpret_cast<uintptr_t>(addresses) % alignof(PackMemory<Ts, W>) == 0) && ...);
}

template <int W, class Body>
struct OverPacks {
  Body body;
  int64_t packs;
  COFACTOR_HD void operator()(int64_t i) const {
    if (i < packs) {
      body.template run<W>(i * W);
    } else {
      body.template run<1>(packs * W + (i - packs));
    }
  }
};

template <int W, class Body>
struct WholePacks {
  Body body;
  COFACTOR_HD void operator()(int64_t i) const { body.template run<W>(i * W); }
};

// Runs `body` over `count` elements; `fit`: whether it may run on packs of W.
template <int W, class Launch, class Body>
void each_pack(const Launch& launch, int64_t count, bool fit, const Body& body) {
  const int64_t packs = fit ? count / W : 0;
  launch.each(packs + (count - packs * W), OverPacks<W, Body>{body, packs});
}

// Calls body.template operator()<V>() with the widest V of W, W / 2 (where that is at least 4) and 1 that divides
// `length`; with 1 where packs do not fit.
template <int W, class Body>
void dispatch_width(int64_t length, bool fit, const Body& body) {
  if constexpr (W > 4) {
    if (length % W != 0) return dispatch_width<W / 2>(length, fit, body);
  }
  if (fit && length % W == 0) return body.template operator()<W>();
  body.template operator()<1>();
}

// Runs `body` over `count` elements in rows of `length`; a pack lies in one row.
template <int W, class Launch, class Body>
void each_pack_in_rows(const Launch& launch, int64_t count, int64_t length, bool fit, const Body& body) {
  dispatch_width<W>(length, fit, [&]<int V>() { launch.each(count / V, WholePacks<V, Body>{body}); });
}

}  // namespace cofactor::cuda
