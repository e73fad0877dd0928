#include "engine/ops/elementwise.h"

#include "engine/ops/checks.h"

namespace cofactor {

namespace {

Tensor unary(UnaryOp op, const Tensor& x, double a = 0.0) {
  check_floating(x, name_of(op), "x");
  const Tensor y = empty_like(x);
  x.backend().unary(op, x, a, y);
  const Tensor kept_x = keep(x, tracks(x) && scalar::vjp_reads_input(op));
  const Tensor kept_y = keep(y, tracks(x) && scalar::vjp_reads_output(op));
  return record(y, name_of(op), {x}, [=](const Tensor& grad) -> std::vector<Tensor> {
    const Tensor dx = empty_like(grad);
    grad.backend().unary_vjp(op, kept_x, kept_y, grad, a, dx);
    return {dx};
  });
}

// The forward of every binary op; each records its own gradient.
Tensor binary(BinaryOp op, const Tensor& a, const Tensor& b) {
  check_floating(a, name_of(op), "a");
  check_floating(b, name_of(op), "b");
  check_alike(a, "a", b, "b", name_of(op));
  const Tensor y = Tensor::empty(broadcast_shape(a.shape(), b.shape(), name_of(op)), a.dtype(), a.device());
  a.backend().binary(op, a, b, y);
  return y;
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  return record(binary(BinaryOp::add, a, b), "add", {a, b}, [](const Tensor& grad) -> std::vector<Tensor> {
    return {grad, grad};
  });
}

Tensor sub(const Tensor& a, const Tensor& b) {
  return record(binary(BinaryOp::sub, a, b), "sub", {a, b}, [need_b = tracks(b)](const Tensor& grad) {
    return std::vector<Tensor>{grad, need_b ? neg(grad) : Tensor()};
  });
}

Tensor mul(const Tensor& a, const Tensor& b) {
  const Tensor y = binary(BinaryOp::mul, a, b);
  return record(y, "mul", {a, b}, [kept_a = keep(a, tracks(b)), kept_b = keep(b, tracks(a))](const Tensor& grad) {
    return std::vector<Tensor>{kept_b.defined() ? mul(grad, kept_b) : Tensor(),
                               kept_a.defined() ? mul(grad, kept_a) : Tensor()};
  });
}

Tensor div(const Tensor& a, const Tensor& b) {
  const Tensor y = binary(BinaryOp::div, a, b);
  const bool need_a = tracks(a), need_b = tracks(b);
  // da = g / b, db = -g a / b^2 = -(g / b) y
  return record(
      y, "div", {a, b}, [need_a, kept_b = keep(b, need_a || need_b), kept_y = keep(y, need_b)](const Tensor& grad) {
        const Tensor da = div(grad, kept_b);
        return std::vector<Tensor>{need_a ? da : Tensor(), kept_y.defined() ? neg(mul(da, kept_y)) : Tensor()};
      });
}

Tensor equal(const Tensor& a, const Tensor& b) {
  return binary(BinaryOp::equal, a, b);
}

Tensor neg(const Tensor& x) {
  return unary(UnaryOp::neg, x);
}
Tensor exp(const Tensor& x) {
  return unary(UnaryOp::exp, x);
}
Tensor log(const Tensor& x) {
  return unary(UnaryOp::log, x);
}
Tensor sqrt(const Tensor& x) {
  return unary(UnaryOp::sqrt, x);
}
Tensor abs(const Tensor& x) {
  return unary(UnaryOp::abs, x);
}
Tensor relu(const Tensor& x) {
  return unary(UnaryOp::relu, x);
}
Tensor tanh(const Tensor& x) {
  return unary(UnaryOp::tanh, x);
}
Tensor sigmoid(const Tensor& x) {
  return unary(UnaryOp::sigmoid, x);
}
Tensor pow(const Tensor& x, double exponent) {
  return unary(UnaryOp::pow_scalar, x, exponent);
}
Tensor add(const Tensor& x, double value) {
  return unary(UnaryOp::add_scalar, x, value);
}
Tensor mul(const Tensor& x, double value) {
  return unary(UnaryOp::mul_scalar, x, value);
}

Tensor cast(const Tensor& x, DType dtype) {
  check_defined(x, "cast", "x");
  if (x.dtype() == dtype) return x;
  const Tensor y = Tensor::empty(x.shape(), dtype, x.device());
  x.backend().cast(x, y);
  if (!is_floating(dtype)) return y;
  return record(y, "cast", {x},
                [from = x.dtype()](const Tensor& grad) -> std::vector<Tensor> { return {cast(grad, from)}; });
}

}  // namespace cofactor
