// The element types of this backend's own loops; the reference backend's loops serve the others.
#pragma once

#include <utility>

#include "engine/tensor.h"

namespace cofactor::cpu {

inline bool serves(DType dtype) {
  return dtype == DType::f32 || dtype == DType::bf16;
}

// Calls `body.template operator()<T>()` with float or bf16.
template <class Body>
decltype(auto) dispatch(DType dtype, Body&& body) {
  if (dtype == DType::bf16) return body.template operator()<bf16>();
  return body.template operator()<float>();
}

}  // namespace cofactor::cpu
