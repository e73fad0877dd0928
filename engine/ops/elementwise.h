// Elementwise arithmetic with NumPy's broadcasting, and casts. The functions by name (exp, relu, mul, ...) stand beside
// their formulas in engine/elementwise_ops.h. Operands have a floating dtype, both the same, on one device; anything
// else is an Error.
#pragma once

#include "engine/elementwise_ops.h"

namespace cofactor {

inline Tensor operator+(const Tensor& a, const Tensor& b) {
  return add(a, b);
}
inline Tensor operator-(const Tensor& a, const Tensor& b) {
  return sub(a, b);
}
inline Tensor operator*(const Tensor& a, const Tensor& b) {
  return mul(a, b);
}
inline Tensor operator/(const Tensor& a, const Tensor& b) {
  return div(a, b);
}
inline Tensor operator-(const Tensor& x) {
  return neg(x);
}
inline Tensor operator+(const Tensor& x, double value) {
  return add(x, value);
}
inline Tensor operator+(double value, const Tensor& x) {
  return add(x, value);
}
inline Tensor operator-(const Tensor& x, double value) {
  return add(x, -value);
}
inline Tensor operator-(double value, const Tensor& x) {
  return add(neg(x), value);
}
inline Tensor operator*(const Tensor& x, double value) {
  return mul(x, value);
}
inline Tensor operator*(double value, const Tensor& x) {
  return mul(x, value);
}
inline Tensor operator/(const Tensor& x, double value) {
  return mul(x, 1.0 / value);
}
inline Tensor operator/(double value, const Tensor& x) {
  return div(Tensor::full({}, value, x.dtype(), x.device()), x);
}

// x in another dtype. Between floating dtypes the gradient is cast back; from and to integers there is none.
Tensor cast(const Tensor& x, DType dtype);

}  // namespace cofactor
