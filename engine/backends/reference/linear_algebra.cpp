// Matrix product, LU and SVD. The factorisations are the textbook's (Golub & Van Loan, Matrix Computations, 4th ed.,
// 3.4 and 8.6.3), in f64: the matrices are joint distributions of C classes, so C is small, and accuracy matters more
// than speed.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "engine/backends/reference/backend.h"

namespace cofactor {

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// A square matrix, row-major.
struct Matrix {
  explicit Matrix(size_t size) : n(size), values(size * size, 0.0) {}
  Matrix(const double* from, size_t size) : n(size), values(from, from + size * size) {}

  double& operator()(size_t row, size_t column) { return values[row * n + column]; }
  double operator()(size_t row, size_t column) const { return values[row * n + column]; }

  size_t n;
  std::vector<double> values;
};

// P A = L U: the unit lower triangle and the upper one share `factors`; row r of P A is row rows[r] of A.
struct Lu {
  Matrix factors;
  std::vector<size_t> rows;
  double sign;     // of det A; 0 where a pivot is 0
  double log_abs;  // log|det A|
};

// Partial pivoting: each column is eliminated with its largest remaining entry, so that no multiplier exceeds 1.
Lu factorise(Matrix a) {
  const size_t n = a.n;
  Lu lu{std::move(a), std::vector<size_t>(n), 1.0, 0.0};
  Matrix& f = lu.factors;
  std::iota(lu.rows.begin(), lu.rows.end(), size_t{0});
  for (size_t k = 0; k < n; ++k) {
    size_t best = k;
    for (size_t r = k + 1; r < n; ++r)
      if (std::abs(f(r, k)) > std::abs(f(best, k))) best = r;
    if (best != k) {
      for (size_t c = 0; c < n; ++c) std::swap(f(k, c), f(best, c));
      std::swap(lu.rows[k], lu.rows[best]);
      lu.sign = -lu.sign;
    }
    const double pivot = f(k, k);
    if (pivot == 0.0) {
      lu.sign = 0.0;
      lu.log_abs = -std::numeric_limits<double>::infinity();
      return lu;
    }
    lu.sign *= std::isnan(pivot) ? kNan : std::copysign(1.0, pivot);
    lu.log_abs += std::log(std::abs(pivot));
    for (size_t r = k + 1; r < n; ++r) {
      f(r, k) /= pivot;
      for (size_t c = k + 1; c < n; ++c) f(r, c) -= f(r, k) * f(k, c);
    }
  }
  return lu;
}

// Solves A x = e_column: L z = P e_column downward, then U x = z upward. x is that column of A^-1.
std::vector<double> inverse_column(const Lu& lu, size_t column) {
  const size_t n = lu.factors.n;
  std::vector<double> x(n);
  for (size_t r = 0; r < n; ++r) {
    x[r] = lu.rows[r] == column ? 1.0 : 0.0;
    for (size_t c = 0; c < r; ++c) x[r] -= lu.factors(r, c) * x[c];
  }
  for (size_t r = n; r-- > 0;) {
    for (size_t c = r + 1; c < n; ++c) x[r] -= lu.factors(r, c) * x[c];
    x[r] /= lu.factors(r, r);
  }
  return x;
}

// A = W diag(s) V^T, W and V orthogonal, s >= 0 in no order.
struct Svd {
  Matrix w;
  std::vector<double> s;
  Matrix v;
};

double dot_of_columns(const Matrix& a, size_t p, const Matrix& b, size_t q) {
  double sum = 0.0;
  for (size_t r = 0; r < a.n; ++r) sum += a(r, p) * b(r, q);
  return sum;
}

void rotate_columns(Matrix& a, size_t p, size_t q, double cosine, double sine) {
  for (size_t r = 0; r < a.n; ++r) {
    const double left = a(r, p), right = a(r, q);
    a(r, p) = cosine * left - sine * right;
    a(r, q) = sine * left + cosine * right;
  }
}

// Rotates the columns p and q of g, and of v with them, so that g's become orthogonal; false where they are already.
bool orthogonalise_pair(Matrix& g, Matrix& v, size_t p, size_t q) {
  constexpr double kTolerance = 1e-15;  // relative: the cosine of the angle between the columns
  const double pp = dot_of_columns(g, p, g, p), qq = dot_of_columns(g, q, g, q), pq = dot_of_columns(g, p, g, q);
  if (std::abs(pq) <= kTolerance * std::sqrt(pp) * std::sqrt(qq)) return false;
  const double zeta = (qq - pp) / (2.0 * pq);  // cot of twice the angle
  const double tangent = std::copysign(1.0, zeta) / (std::abs(zeta) + std::hypot(1.0, zeta));
  const double cosine = 1.0 / std::hypot(1.0, tangent);
  rotate_columns(g, p, q, cosine, cosine * tangent);
  rotate_columns(v, p, q, cosine, cosine * tangent);
  return true;
}

// Subtracts from column j of w its components along the columns in `others`, twice because once leaves rounding errors,
// and scales it to length 1. Returns the length that was left, relative to a unit vector.
double orthonormalise_column(Matrix& w, size_t j, std::span<const size_t> others) {
  for (int pass = 0; pass < 2; ++pass) {
    for (size_t k : others) {
      const double along = dot_of_columns(w, j, w, k);
      for (size_t r = 0; r < w.n; ++r) w(r, j) -= along * w(r, k);
    }
  }
  const double length = std::sqrt(dot_of_columns(w, j, w, j));
  for (size_t r = 0; r < w.n; ++r) w(r, j) /= length;
  return length;
}

// W from G = A V: the columns divided by their lengths, longest first. A column of length 0, or so short that it is
// only rounding error and depends on the others, is replaced by a unit vector orthogonal to them.
Matrix normalised_columns(const Matrix& g, std::span<const double> lengths) {
  const size_t n = g.n;
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return lengths[a] > lengths[b]; });
  Matrix w(n);
  for (size_t done = 0; done < n; ++done) {
    const size_t j = order[done];
    const std::span<const size_t> others(order.data(), done);
    bool kept = false;
    if (lengths[j] > 0.0) {
      for (size_t r = 0; r < n; ++r) w(r, j) = g(r, j) / lengths[j];
      kept = orthonormalise_column(w, j, others) > 0.5;
    }
    // Of the n unit vectors one always keeps 1 / sqrt(n) of its length or more.
    for (size_t unit = 0; unit < n && !kept; ++unit) {
      for (size_t r = 0; r < n; ++r) w(r, j) = r == unit ? 1.0 : 0.0;
      kept = orthonormalise_column(w, j, others) > 0.5 / std::sqrt(static_cast<double>(n));
    }
  }
  return w;
}

// One-sided Jacobi (Hestenes 1958): rotations from the right make the columns of A V orthogonal pair by pair; their
// lengths are then the singular values, their directions W. It finds small singular values to high relative accuracy.
Svd decompose(Matrix g) {
  constexpr int kSweeps =
      60;  // convergence is quadratic, about six are enough; rounding in null columns may never settle
  const size_t n = g.n;
  Matrix v(n);
  for (size_t k = 0; k < n; ++k) v(k, k) = 1.0;
  bool rotated = true;
  for (int sweep = 0; sweep < kSweeps && rotated; ++sweep) {
    rotated = false;
    for (size_t p = 0; p < n; ++p)
      for (size_t q = p + 1; q < n; ++q) rotated = orthogonalise_pair(g, v, p, q) || rotated;
  }
  std::vector<double> s(n);
  for (size_t k = 0; k < n; ++k) s[k] = std::sqrt(dot_of_columns(g, k, g, k));
  Matrix w = normalised_columns(g, s);
  return {std::move(w), std::move(s), std::move(v)};
}

}  // namespace

// y[m, n] = sum_k op(a)[m, k] op(b)[k, n] + bias[n]
void ReferenceBackend::matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias,
                              const Tensor& y) {
  const int64_t rows = y.dim(0), columns = y.dim(1), inner = a.dim(transpose_a ? 0 : 1);
  dispatch_floating(a.dtype(), "matmul", [&]<class T>() {
    const T* left = a.data<T>();
    const T* right = b.data<T>();
    const auto* added = bias.defined() ? bias.data<Compute<T>>() : nullptr;
    for (int64_t m = 0; m < rows; ++m) {
      for (int64_t n = 0; n < columns; ++n) {
        double sum = added ? added[n] : 0.0;
        for (int64_t k = 0; k < inner; ++k)
          sum += double{widen(left[transpose_a ? k * rows + m : m * inner + k])} *
                 widen(right[transpose_b ? n * inner + k : k * columns + n]);
        if (y.dtype() == a.dtype())
          y.data<T>()[m * columns + n] = convert<T>(sum);
        else
          y.data<Compute<T>>()[m * columns + n] = convert<Compute<T>>(sum);
      }
    }
  });
}

// P U = L R: det U is the product of R's diagonal, with a sign for each exchange of rows. Row j of U^-T is column j of
// U^-1.
void ReferenceBackend::lu_log_abs_det(const Tensor& u, const Tensor& sign, const Tensor& log_abs,
                                      const Tensor& inverse_transposed) {
  const auto n = static_cast<size_t>(u.dim(0));
  const Lu lu = factorise(Matrix(u.data<double>(), n));
  *sign.data<double>() = lu.sign;
  *log_abs.data<double>() = lu.log_abs;
  for (size_t j = 0; j < n; ++j) {
    const std::vector<double> row = lu.sign == 0.0 ? std::vector<double>(n, kNan) : inverse_column(lu, j);
    std::ranges::copy(row, inverse_transposed.data<double>() + j * n);
  }
}

// u = W S V^T: det u = det(W) det(V) prod s, cof u = det(W) det(V) W diag(prod of the other s) V^T. Both are computed
// for u over its largest entry, so that squares neither overflow nor vanish, and scaled back: cof(c u) = c^(n-1) cof u.
void ReferenceBackend::svd_cofactor(const Tensor& u, const Tensor& det, const Tensor& cofactors) {
  const auto n = static_cast<size_t>(u.dim(0));
  Matrix a(u.data<double>(), n);
  double* out = cofactors.data<double>();
  if (!std::ranges::all_of(a.values, [](double value) { return std::isfinite(value); })) {
    *det.data<double>() = kNan;
    std::fill_n(out, n * n, kNan);
    return;
  }
  double unit = 0.0;
  for (double value : a.values) unit = std::max(unit, std::abs(value));
  if (unit == 0.0) unit = 1.0;
  for (double& value : a.values) value /= unit;

  const Svd svd = decompose(std::move(a));
  const double sign = factorise(svd.w).sign * factorise(svd.v).sign;
  double product = sign * unit;  // of everything but one unit, which is multiplied in below
  for (size_t k = 0; k < n; ++k) product *= svd.s[k] * (k > 0 ? unit : 1.0);
  *det.data<double>() = product;
  std::fill_n(out, n * n, 0.0);
  for (size_t j = 0; j < n; ++j) {
    double others = sign;
    for (size_t k = 0; k < n; ++k)
      if (k != j) others *= svd.s[k] * unit;
    for (size_t r = 0; r < n; ++r)
      for (size_t c = 0; c < n; ++c) out[r * n + c] += others * svd.w(r, j) * svd.v(c, j);
  }
}

}  // namespace cofactor
