// Elementwise arithmetic with NumPy's broadcasting, and the common functions. Floating dtypes; both operands share one.
#pragma once

#include "engine/backend.h"

namespace cofactor {

// y = a op b, of the broadcast shape. Gradients are summed back to each operand's shape.
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
// 1 where the values are equal, else 0. No gradient.
Tensor equal(const Tensor& a, const Tensor& b);

Tensor neg(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);  // natural; -inf at 0, NaN below
Tensor sqrt(const Tensor& x);
Tensor abs(const Tensor& x);   // gradient 0 at 0
Tensor relu(const Tensor& x);  // max(x, 0); gradient 0 at 0
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);  // 1 / (1 + exp(-x))
Tensor pow(const Tensor& x, double exponent);
Tensor add(const Tensor& x, double value);
Tensor mul(const Tensor& x, double value);

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
inline Tensor operator-(const Tensor& x, double value) {
  return add(x, -value);
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

// x in another floating dtype; the gradient is cast back. From and to integers without gradient.
Tensor cast(const Tensor& x, DType dtype);

}  // namespace cofactor
