#include "engine/ops/matmul.h"

#include "engine/ops/checks.h"

namespace cofactor {

namespace {

// op(a) op(b), unrecorded, for matrices that have been checked.
Tensor product(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, DType dtype) {
  const Tensor y = Tensor::empty({a.dim(transpose_a ? 1 : 0), b.dim(transpose_b ? 0 : 1)}, dtype, a.device());
  a.backend().matmul(a, transpose_a, b, transpose_b, {}, y);
  return y;
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  check_floating(a, "matmul", "a");
  check_floating(b, "matmul", "b");
  check_rank(a, 2, "matmul", "a");
  check_rank(b, 2, "matmul", "b");
  check(a.dim(1) == b.dim(0), "matmul: shapes {} and {} cannot be multiplied: a has {} columns, b has {} rows",
        a.shape(), b.shape(), a.dim(1), b.dim(0));
  check_alike(a, "a", b, "b", "matmul");
  return record(product(a, false, b, false, a.dtype()), "matmul", {a, b},
                [kept_a = keep(a, tracks(b)), kept_b = keep(b, tracks(a))](const Tensor& grad) -> std::vector<Tensor> {
                  Tensor da, db;
                  if (kept_b.defined()) da = product(grad, false, kept_b, true, grad.dtype());
                  if (kept_a.defined()) db = product(kept_a, true, grad, false, grad.dtype());
                  return {da, db};
                });
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b) {
  check_floating(x, "linear", "x");
  check_floating(w, "linear", "w");
  check_rank(x, 2, "linear", "x");
  check_rank(w, 2, "linear", "w");
  check(x.dim(1) == w.dim(1), "linear: x of shape {} has {} features, w of shape {} takes {}", x.shape(), x.dim(1),
        w.shape(), w.dim(1));
  check_parameter(x, w, "w", "linear");
  if (b.defined()) {
    check(b.shape() == Shape{w.dim(0)}, "linear: b has shape {}, w of shape {} takes ({})", b.shape(), w.shape(),
          w.dim(0));
    check_parameter(x, b, "b", "linear");
  }
  const DType wide = compute_dtype(x.dtype());
  const Tensor weights = converted(w, x.dtype());
  const Tensor y = Tensor::empty({x.dim(0), w.dim(0)}, x.dtype(), x.device());
  x.backend().matmul(x, false, weights, true, converted(b, wide), y);
  const DType b_dtype = b.defined() ? b.dtype() : wide;
  return record(y, "linear", {x, w, b},
                [=, kept_x = keep(x, tracks(w)), kept_w = keep(weights, tracks(x)), need_b = tracks(b),
                 w_dtype = w.dtype()](const Tensor& grad) -> std::vector<Tensor> {
                  Tensor dx, dw, db;
                  if (kept_w.defined()) dx = product(grad, false, kept_w, false, grad.dtype());
                  if (kept_x.defined()) dw = converted(product(grad, true, kept_x, false, wide), w_dtype);
                  if (need_b) db = converted(grad, b_dtype);  // b is broadcast over the rows: the tape sums
                  return {dx, dw, db};
                });
}

}  // namespace cofactor
