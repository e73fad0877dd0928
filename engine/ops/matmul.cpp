#include "engine/ops/matmul.h"

#include "engine/ops/checks.h"

namespace cofactor {

namespace {

// op(a) op(b) + bias, unrecorded, for matrices that have been checked.
Tensor product(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias = {}) {
  const Tensor y = Tensor::empty({a.dim(transpose_a ? 1 : 0), b.dim(transpose_b ? 0 : 1)}, a.dtype(), a.device());
  a.backend().matmul(a, transpose_a, b, transpose_b, bias, y);
  return y;
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  check_floating(a, "matmul", "a");
  check_floating(b, "matmul", "b");
  check_rank(a, 2, "matmul", "a");
  check_rank(b, 2, "matmul", "b");
  check(a.dim(1) == b.dim(0), "matmul: shapes {} and {} do not multiply, {} columns meet {} rows", a.shape(), b.shape(),
        a.dim(1), b.dim(0));
  check_alike(a, "a", b, "b", "matmul");
  return record(product(a, false, b, false), "matmul", {a, b},
                [kept_a = keep(a, tracks(b)), kept_b = keep(b, tracks(a))](const Tensor& grad) {
                  return std::vector<Tensor>{kept_b.defined() ? product(grad, false, kept_b, true) : Tensor(),
                                             kept_a.defined() ? product(kept_a, true, grad, false) : Tensor()};
                });
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b) {
  check_floating(x, "linear", "x");
  check_floating(w, "linear", "w");
  check_rank(x, 2, "linear", "x");
  check_rank(w, 2, "linear", "w");
  check(x.dim(1) == w.dim(1), "linear: x of shape {} has {} features, w of shape {} takes {}", x.shape(), x.dim(1),
        w.shape(), w.dim(1));
  check_alike(x, "x", w, "w", "linear");
  if (b.defined()) {
    check(b.shape() == Shape{w.dim(0)}, "linear: b has shape {}, w of shape {} takes ({})", b.shape(), w.shape(),
          w.dim(0));
    check_alike(x, "x", b, "b", "linear");
  }
  // b is broadcast over the rows, so its gradient is summed by the engine.
  return record(product(x, false, w, true, b), "linear", {x, w, b},
                [kept_x = keep(x, tracks(w)), kept_w = keep(w, tracks(x)), need_b = tracks(b)](const Tensor& grad) {
                  return std::vector<Tensor>{kept_w.defined() ? product(grad, false, kept_w, false) : Tensor(),
                                             kept_x.defined() ? product(grad, true, kept_x, false) : Tensor(),
                                             need_b ? grad : Tensor()};
                });
}

}  // namespace cofactor
