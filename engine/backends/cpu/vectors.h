// Vectors of floats for this backend's own loops: GCC's and Clang's vector types, one register of the processor that is
// compiled for. (GCC takes wider ones apart, comparisons and shuffles down to single elements: ten times slower.)
#pragma once

#include <cstdint>
#include <cstring>

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

}  // namespace cofactor::cpu
