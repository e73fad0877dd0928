// Matrix product by oneDNN; LU and SVD of small matrices by LAPACKE, in f64.
#include <lapacke.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/backends/cpu/dispatch.h"
#include "engine/backends/cpu/in_f32.h"
#include "engine/backends/cpu/primitives.h"

namespace cofactor {

// y (M, N) = op(a) op(b) + bias.
void CpuBackend::matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias,
                        const Tensor& y) {
  if (!cpu::serves(a.dtype()) || y.numel() == 0 || a.numel() == 0)
    return ReferenceBackend::matmul(a, transpose_a, b, transpose_b, bias, y);
  if (cpu::widens(a.dtype()))
    return cpu::in_f32(
        *this, [&](auto& f32) { matmul(f32.input(a), transpose_a, f32.input(b), transpose_b, bias, f32.output(y)); });
  onednn::guarded("matmul", a.shape(), [&] {
    const onednn::Product product{
        y.dim(0), a.dim(transpose_a ? 0 : 1), y.dim(1), transpose_a, transpose_b, bias.defined(), a.dtype(), y.dtype()};
    primitives_->products.run(*this, product, a, b, bias, y);
  });
}

namespace {

// Throws Error where LAPACKE reports a bad argument, NaN included; a positive `info` is left to the caller.
void check_lapack(const char* call, lapack_int info, int64_t size) {
  check(info >= 0, "log_abs_det: {} on a {} x {} matrix rejected argument {}; the matrix holds a NaN or an infinity",
        call, size, size, -info);
}

// A square matrix's factors: L and U in place, and the row exchanges.
struct LuFactors {
  std::vector<double> values;
  std::vector<lapack_int> pivots;
  bool singular = false;
};

LuFactors factorize(std::vector<double> matrix, int64_t size) {
  LuFactors lu{std::move(matrix), std::vector<lapack_int>(static_cast<size_t>(size))};
  const auto n = static_cast<lapack_int>(size);
  const lapack_int info = LAPACKE_dgetrf(LAPACK_ROW_MAJOR, n, n, lu.values.data(), n, lu.pivots.data());
  check_lapack("LAPACKE_dgetrf", info, size);
  lu.singular = info > 0;
  return lu;
}

// The sign of the determinant: that of the diagonal's product, negated by each row exchange. 0 where singular.
double sign_of(const LuFactors& lu) {
  double sign = lu.singular ? 0.0 : 1.0;
  const size_t size = lu.pivots.size();
  for (size_t i = 0; i < size; ++i) {
    if (lu.values[i * size + i] < 0.0) sign = -sign;
    if (lu.pivots[i] != static_cast<lapack_int>(i + 1)) sign = -sign;
  }
  return sign;
}

std::vector<double> values_of(const Tensor& u) {
  return {u.data<double>(), u.data<double>() + u.numel()};
}

}  // namespace

// P u = L U; log|det u| = sum log|U_ii|; u^-T from the factors.
void CpuBackend::lu_log_abs_det(const Tensor& u, const Tensor& sign, const Tensor& log_abs,
                                const Tensor& inverse_transposed) {
  const int64_t size = u.dim(0);
  LuFactors lu = factorize(values_of(u), size);
  *sign.data<double>() = sign_of(lu);
  double* inverse = inverse_transposed.data<double>();
  if (lu.singular) {
    *log_abs.data<double>() = -std::numeric_limits<double>::infinity();
    std::fill_n(inverse, size * size, std::numeric_limits<double>::quiet_NaN());
    return;
  }
  double total = 0.0;
  for (int64_t i = 0; i < size; ++i) total += std::log(std::abs(lu.values[static_cast<size_t>(i * size + i)]));
  *log_abs.data<double>() = total;
  const auto n = static_cast<lapack_int>(size);
  check_lapack("LAPACKE_dgetri", LAPACKE_dgetri(LAPACK_ROW_MAJOR, n, lu.values.data(), n, lu.pivots.data()), size);
  for (int64_t row = 0; row < size; ++row)
    for (int64_t column = 0; column < size; ++column)
      inverse[column * size + row] = lu.values[static_cast<size_t>(row * size + column)];
}

// u = W S V^T; det u = det(W) det(V) prod(s); cof u = det(W) det(V) W diag(prod of the other s) V^T.
void CpuBackend::svd_cofactor(const Tensor& u, const Tensor& det, const Tensor& cofactors) {
  const int64_t size = u.dim(0);
  const auto n = static_cast<lapack_int>(size);
  const auto count = static_cast<size_t>(size);
  std::vector<double> matrix = values_of(u);
  std::vector<double> s(count), w(count * count), vt(count * count), unconverged(count);
  const lapack_int info = LAPACKE_dgesvd(LAPACK_ROW_MAJOR, 'A', 'A', n, n, matrix.data(), n, s.data(), w.data(), n,
                                         vt.data(), n, unconverged.data());
  check_lapack("LAPACKE_dgesvd", info, size);
  check(info == 0, "log_abs_det: LAPACKE_dgesvd did not converge on a {} x {} matrix ({} values left)", size, size,
        info);
  const double orientation = sign_of(factorize(w, size)) * sign_of(factorize(vt, size));
  double product = orientation;
  for (double value : s) product *= value;
  *det.data<double>() = product;
  std::vector<double> others(count, orientation);
  for (size_t i = 0; i < count; ++i)
    for (size_t j = 0; j < count; ++j)
      if (j != i) others[i] *= s[j];
  double* cof = cofactors.data<double>();
  for (size_t row = 0; row < count; ++row)
    for (size_t column = 0; column < count; ++column) {
      double total = 0.0;
      for (size_t k = 0; k < count; ++k) total += w[row * count + k] * others[k] * vt[k * count + column];
      cof[row * count + column] = total;
    }
}

}  // namespace cofactor
