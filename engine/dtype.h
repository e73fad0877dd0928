// Element types.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "engine/error.h"

#ifdef __CUDACC__
#define COFACTOR_HD __host__ __device__
#else
#define COFACTOR_HD
#endif

namespace cofactor {

enum class DType : uint8_t { f32, f64, bf16, i32, u8 };

// The upper half of an IEEE f32. Conversion rounds to nearest, ties to even; NaN stays NaN.
struct bf16 {
  uint16_t bits = 0;

  bf16() = default;
  COFACTOR_HD explicit bf16(float value) {
    const auto word = std::bit_cast<uint32_t>(value);
    const bool is_nan = (word & 0x7fffffffu) > 0x7f800000u;
    bits = static_cast<uint16_t>(is_nan ? (word >> 16) | 0x40u : (word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
  }
  COFACTOR_HD explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

// Size of one element in bytes.
constexpr size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::i32: return 4;
    case DType::f64: return 8;
    case DType::bf16: return 2;
    case DType::u8: return 1;
  }
  return 0;
}

constexpr std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return "f32";
    case DType::f64: return "f64";
    case DType::bf16: return "bf16";
    case DType::i32: return "i32";
    case DType::u8: return "u8";
  }
  return "?";
}

constexpr bool is_floating(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f64 || dtype == DType::bf16;
}

// The DType of a C++ element type: dtype_of<float> == DType::f32.
template <class T>
inline constexpr DType dtype_of = [] {
  static_assert(sizeof(T) == 0, "this C++ type is not an element type of a tensor");
  return DType::f32;
}();
template <>
inline constexpr DType dtype_of<float> = DType::f32;
template <>
inline constexpr DType dtype_of<double> = DType::f64;
template <>
inline constexpr DType dtype_of<bf16> = DType::bf16;
template <>
inline constexpr DType dtype_of<int32_t> = DType::i32;
template <>
inline constexpr DType dtype_of<uint8_t> = DType::u8;
// The types of tensors' elements; labels and indices are int32_t.
template <class T>
concept ElementType = std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, bf16> ||
    std::is_same_v<T, int32_t> || std::is_same_v<T, uint8_t>;

// Converts one element; bf16 by way of float. Float to integer truncates toward zero, and is undefined outside the
// integer's range, as in PyTorch.
template <class To, class From>
COFACTOR_HD inline To convert(From value) {
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (std::is_same_v<From, bf16>) {
    return convert<To>(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bf16>) {
    return bf16(static_cast<float>(value));
  } else {
    return static_cast<To>(value);
  }
}

// Calls `body.template operator()<T>()` with the C++ type of any dtype.
template <class Body>
void dispatch_any(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::f32: return body.template operator()<float>();
    case DType::f64: return body.template operator()<double>();
    case DType::bf16: return body.template operator()<bf16>();
    case DType::i32: return body.template operator()<int32_t>();
    case DType::u8: return body.template operator()<uint8_t>();
  }
}

// The type that elements are computed in, and that parameters, sums and statistics beside them have: f32 for bf16, else
// the stored type.
template <class T>
using Compute = std::conditional_t<std::is_same_v<T, bf16>, float, T>;
constexpr DType compute_dtype(DType stored) {
  return stored == DType::bf16 ? DType::f32 : stored;
}

template <class T>
COFACTOR_HD inline Compute<T> widen(T value) {
  return static_cast<Compute<T>>(value);
}

// Calls `body.template operator()<T>()` with the C++ type of an f32 or f64 `dtype`; any other is an Error naming `op`.
template <class Body>
decltype(auto) dispatch_float(DType dtype, std::string_view op, Body&& body) {
  switch (dtype) {
    case DType::f32: return body.template operator()<float>();
    case DType::f64: return body.template operator()<double>();
    default: fail("{}: computes in f32 and f64, not in {}", op, name_of(dtype));
  }
}

// Calls `body.template operator()<T>()` with the C++ type of a floating dtype; any other is an Error naming `op`.
template <class Body>
decltype(auto) dispatch_floating(DType dtype, std::string_view op, Body&& body) {
  switch (dtype) {
    case DType::f32: return body.template operator()<float>();
    case DType::f64: return body.template operator()<double>();
    case DType::bf16: return body.template operator()<bf16>();
    default: fail("{}: computes in f32, f64 and bf16, not in {}", op, name_of(dtype));
  }
}

}  // namespace cofactor

template <>
struct fmt::formatter<cofactor::DType> : fmt::formatter<fmt::string_view> {
  fmt::format_context::iterator format(const cofactor::DType& value, fmt::format_context& context) const;
};
