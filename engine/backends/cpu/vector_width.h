// How wide the vectors of this backend's own loops are.
#pragma once

namespace cofactor::cpu {

// One register of the processor that is compiled for: GCC takes wider vectors apart, comparisons and shuffles down to
// single elements, which is ten times slower.
#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif

}  // namespace cofactor::cpu
