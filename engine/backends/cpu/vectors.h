// Vectors of floats for this backend's own loops: GCC's and Clang's vector types, one register of the processor that is
// compiled for. (GCC takes wider ones apart, comparisons and shuffles down to single elements: ten times slower.)
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "engine/dtype.h"

namespace cofactor::cpu {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif

// Values side by side, channels mostly.
inline constexpr int64_t kLanes = kVectorBytes / 4;
using Floats = float __attribute__((vector_size(kVectorBytes)));

// From and to any address, aligned or not.
template <class T>
T load(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <class T>
void store(void* to, const T& value) {
  std::memcpy(to, &value, sizeof(T));
}

// Calls body.template operator()<Value>(c) for the channels in order: c .. c + kLanes - 1 at once with Value = Floats,
// and those that fill no vector one by one with Value = float.
template <class Body>
inline void for_each_lane(int64_t channels, const Body& body) {
  int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) body.template operator()<Floats>(c);
  for (; c < channels; ++c) body.template operator()<float>(c);
}

using HalfWords = uint16_t __attribute__((vector_size(kVectorBytes / 2)));
using Words = uint32_t __attribute__((vector_size(kVectorBytes)));

// kLanes elements (Value = Floats) or one (float) of f32 or bf16 as f32.
template <class Value, class T>
inline Value load_wide(const T* from) {
  if constexpr (std::is_same_v<Value, float>)
    return widen(*from);
  else if constexpr (std::is_same_v<T, bf16>)
    return std::bit_cast<Floats>(__builtin_convertvector(load<HalfWords>(from), Words) << 16);
  else
    return load<Floats>(from);
}

// The reverse, rounded.
template <class T>
inline void store_narrow(T* to, float value) {
  *to = convert<T>(value);
}
inline void store_narrow(float* to, const Floats& values) {
  store(to, values);
}
inline void store_narrow(bf16* to, const Floats& values) {
  // bf16's own rounding (engine/dtype.h), which GCC takes apart into branches here.
  const Words words = std::bit_cast<Words>(values);
  const Words nearest = (words + 0x7fffu + ((words >> 16) & 1u)) >> 16, nan = (words >> 16) | 0x40u;
  store(to, __builtin_convertvector((words & 0x7fffffffu) > 0x7f800000u ? nan : nearest, HalfWords));
}

}  // namespace cofactor::cpu
