// What ops check of their inputs, and keep for their gradients. Only the tape and the .cpp files of ops/ include it.
#pragma once

#include <string_view>

#include "engine/autograd.h"
#include "engine/backend.h"
#include "engine/compute_copies.h"
#include "engine/tensor.h"

namespace cofactor {

inline void check_defined(const Tensor& x, std::string_view op, std::string_view name) {
  check(x.defined(), "{}: {} is undefined", op, name);
}

inline void check_floating(const Tensor& x, std::string_view op, std::string_view name) {
  check_defined(x, op, name);
  check(is_floating(x.dtype()), "{}: {} of shape {} is {}, expected a floating dtype", op, name, x.shape(), x.dtype());
}

// Labels and indices.
inline void check_indices(const Tensor& x, std::string_view op, std::string_view name) {
  check_defined(x, op, name);
  check(x.dtype() == DType::i32, "{}: {} of shape {} are {}, expected i32", op, name, x.shape(), x.dtype());
}

inline void check_rank(const Tensor& x, int rank, std::string_view op, std::string_view name) {
  check(x.rank() == rank, "{}: {} has shape {}, expected {} axes", op, name, x.shape(), rank);
}

inline void check_same_device(const Tensor& a, std::string_view name_a, const Tensor& b, std::string_view name_b,
                              std::string_view op) {
  check(a.device() == b.device(), "{}: {} of shape {} is on {}, {} of shape {} on {}", op, name_a, a.shape(),
        a.device(), name_b, b.shape(), b.device());
}

// One dtype and one device.
inline void check_alike(const Tensor& a, std::string_view name_a, const Tensor& b, std::string_view name_b,
                        std::string_view op) {
  check(a.dtype() == b.dtype(), "{}: {} of shape {} is {}, {} of shape {} is {}", op, name_a, a.shape(), a.dtype(),
        name_b, b.shape(), b.dtype());
  check_same_device(a, name_a, b, name_b, op);
}

// A parameter p of an op on x: on x's device, and of x's dtype, or f32 where x is bf16 (master weights).
inline void check_parameter(const Tensor& x, const Tensor& p, std::string_view name, std::string_view op) {
  if (x.dtype() == DType::bf16 && p.dtype() == DType::f32) return check_same_device(x, "x", p, name, op);
  check_alike(x, "x", p, name, op);
}

// Whether an op must record a gradient for x.
inline bool tracks(const Tensor& x) {
  return grad_enabled() && x.requires_grad();
}

// x for a vjp to capture, without its tape; undefined where the vjp does not read it, so that its memory is free
// sooner.
inline Tensor keep(const Tensor& x, bool needed) {
  return needed && x.defined() ? x.detach() : Tensor();
}

// x's values in another dtype, without its tape: a compute copy, or a gradient for a parameter of that dtype.
inline Tensor converted(const Tensor& x, DType dtype) {
  if (!x.defined() || x.dtype() == dtype) return keep(x, true);
  if (const Tensor copy = ComputeCopies::find(x, dtype); copy.defined()) return copy;
  const Tensor y = Tensor::empty(x.shape(), dtype, x.device());
  x.backend().cast(x, y);
  return y;
}

inline Tensor empty_like(const Tensor& x) {
  return Tensor::empty(x.shape(), x.dtype(), x.device());
}

}  // namespace cofactor
