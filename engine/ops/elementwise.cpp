#include "engine/ops/elementwise.h"

#include "engine/ops/checks.h"
#include "engine/profile/recorder.h"

namespace cofactor {

std::string_view name_of(UnaryOp op) {
  std::string_view name = "?";
  dispatch_unary(op, [&]<class Op>() { name = Op::kName; });
  return name;
}

std::string_view name_of(BinaryOp op) {
  std::string_view name = "?";
  dispatch_binary(op, [&]<class Op>() { name = Op::kName; });
  return name;
}

Tensor apply(UnaryOp op, const Tensor& x, double a) {
  check_floating(x, name_of(op), "x");
  Tensor y = empty_like(x);
  x.backend().unary(op, x, a, y);
  dispatch_unary(op, [&]<class Op>() {
    const Tensor kept_x = keep(x, tracks(x) && Op::kVjpReadsX), kept_y = keep(y, tracks(x) && Op::kVjpReadsY);
    y = record(y, Op::kName, {x}, [=](const Tensor& grad) -> std::vector<Tensor> {
      const Tensor dx = empty_like(grad);
      grad.backend().unary_vjp(op, kept_x, kept_y, grad, a, dx);
      return {dx};
    });
  });
  return y;
}

Tensor apply(BinaryOp op, const Tensor& a, const Tensor& b) {
  check_floating(a, name_of(op), "a");
  check_floating(b, name_of(op), "b");
  check_alike(a, "a", b, "b", name_of(op));
  Tensor y = Tensor::empty(broadcast_shape(a.shape(), b.shape(), name_of(op)), a.dtype(), a.device());
  a.backend().binary(op, a, b, y);
  dispatch_binary(op, [&]<class Op>() {
    if constexpr (Op::kDifferentiable) {
      const bool wants_a = tracks(a), wants_b = tracks(b);
      const unsigned reads = (wants_a ? Op::kDaReads : 0u) | (wants_b ? Op::kDbReads : 0u);
      const BinaryContext context{keep(a, (reads & Op::kA) != 0), keep(b, (reads & Op::kB) != 0),
                                  keep(y, (reads & Op::kY) != 0), wants_a, wants_b};
      y = record(y, Op::kName, {a, b}, [context](const Tensor& grad) { return Op::vjp(context, grad); });
    } else {
      profile_op(Op::kName, y);
    }
  });
  return y;
}

Tensor cast(const Tensor& x, DType dtype) {
  check_defined(x, "cast", "x");
  if (x.dtype() == dtype) return x;
  const Tensor y = Tensor::empty(x.shape(), dtype, x.device());
  x.backend().cast(x, y);
  if (!is_floating(dtype)) {
    profile_op("cast", y);
    return y;
  }
  return record(y, "cast", {x},
                [from = x.dtype()](const Tensor& grad) -> std::vector<Tensor> { return {cast(grad, from)}; });
}

}  // namespace cofactor
