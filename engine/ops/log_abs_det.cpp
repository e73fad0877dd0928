#include "engine/ops/log_abs_det.h"

#include <cmath>

#include "engine/ops/checks.h"
#include "engine/ops/elementwise.h"

namespace cofactor {

namespace {

// log|det u| by LU; d log|det u| / du = u^-T.
Tensor exact(const Tensor& u) {
  const Tensor sign = Tensor::empty({}, DType::f64, u.device());
  const Tensor log_abs = Tensor::empty({}, DType::f64, u.device());
  const Tensor inverse_transposed = empty_like(u);
  u.backend().lu_log_abs_det(u, sign, log_abs, inverse_transposed);
  return record(log_abs, "log_abs_det", {u}, [inverse_transposed](const Tensor& grad) -> std::vector<Tensor> {
    return {grad * inverse_transposed};
  });
}

// det u by SVD; d det u / du = cof u.
Tensor determinant(const Tensor& u) {
  const Tensor det = Tensor::empty({}, DType::f64, u.device());
  const Tensor cofactors = empty_like(u);
  u.backend().svd_cofactor(u, det, cofactors);
  return record(det, "log_abs_det", {u},
                [cofactors](const Tensor& grad) -> std::vector<Tensor> { return {grad * cofactors}; });
}

}  // namespace

Tensor log_abs_det(const Tensor& u, double epsilon) {
  check_defined(u, "log_abs_det", "u");
  check(u.rank() == 2 && u.dim(0) == u.dim(1) && u.dim(0) > 0, "log_abs_det: u has shape {}, expected (C, C), C >= 1",
        u.shape());
  check(u.dtype() == DType::f64, "log_abs_det: u of shape {} is {}, expected f64: cast it first", u.shape(), u.dtype());
  check(std::isfinite(epsilon) && epsilon >= 0.0, "log_abs_det: epsilon is {}, expected a finite number of at least 0",
        epsilon);
  // The gradient of the smoothed form, sign(det u) cof(u) / (|det u| + epsilon), is the chain rule through these ops;
  // nothing waits for the device.
  return epsilon == 0.0 ? exact(u) : log(abs(determinant(u)) + epsilon);
}

}  // namespace cofactor
