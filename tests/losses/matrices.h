// Square matrices on the host, for the paper's theorem on joint distributions. Nothing here uses the engine's linear
// algebra: it is what the engine is held against.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "losses/dmi.h"
#include "tests/gradient_check.h"

namespace cofactor::testing {

struct Matrix {
  explicit Matrix(size_t size) : n(size), values(size * size, 0.0) {}
  Matrix(size_t size, std::vector<double> row_major) : n(size), values(std::move(row_major)) {}

  double& operator()(size_t row, size_t column) { return values[row * n + column]; }
  double operator()(size_t row, size_t column) const { return values[row * n + column]; }

  size_t n;
  std::vector<double> values;
};

inline Matrix operator*(const Matrix& a, const Matrix& b) {
  Matrix product(a.n);
  for (size_t r = 0; r < a.n; ++r)
    for (size_t c = 0; c < a.n; ++c)
      for (size_t k = 0; k < a.n; ++k) product(r, c) += a(r, k) * b(k, c);
  return product;
}

inline Matrix transposed(const Matrix& a) {
  Matrix result(a.n);
  for (size_t r = 0; r < a.n; ++r)
    for (size_t c = 0; c < a.n; ++c) result(c, r) = a(r, c);
  return result;
}

inline Matrix diagonal(const std::vector<double>& entries) {
  Matrix result(entries.size());
  for (size_t k = 0; k < entries.size(); ++k) result(k, k) = entries[k];
  return result;
}

// Row r is the distribution that puts everything on to[r].
inline Matrix permutation_matrix(const std::vector<size_t>& to) {
  Matrix result(to.size());
  for (size_t r = 0; r < to.size(); ++r) result(r, to[r]) = 1.0;
  return result;
}

// The determinant by expansion along the rows, without any division: the minors of the first rows are kept by the set
// of columns that they use, so that it takes C 2^C products, not C!.
inline double determinant(const Matrix& a) {
  std::vector<long double> minors(size_t{1} << a.n, 0.0L);
  minors[0] = 1.0L;
  for (size_t columns = 0; columns + 1 < minors.size(); ++columns) {
    const auto row = static_cast<size_t>(std::popcount(columns));
    for (size_t c = 0; c < a.n; ++c) {
      if (columns >> c & 1u) continue;
      const bool odd = std::popcount(columns >> c) % 2 == 1;  // used columns to the right of c: exchanges of columns
      minors[columns | size_t{1} << c] += (odd ? -1.0L : 1.0L) * minors[columns] * a(row, c);
    }
  }
  return static_cast<double>(minors.back());
}

// Every row a distribution. `sharpness` 1: entries of a row are uniform draws, scaled; larger: some of them dominate.
inline Matrix random_stochastic(size_t n, uint32_t index, double sharpness = 1.0) {
  Matrix result(n, random_values(static_cast<int64_t>(n * n), index, 0.0, 1.0));
  for (size_t r = 0; r < n; ++r) {
    double total = 0.0;
    for (size_t c = 0; c < n; ++c) total += result(r, c) = std::pow(result(r, c), sharpness);
    for (size_t c = 0; c < n; ++c) result(r, c) /= total;
  }
  return result;
}

inline std::vector<double> random_distribution(size_t n, uint32_t index) {
  std::vector<double> p = random_values(static_cast<int64_t>(n), index, 0.1, 1.0);
  const double total = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& entry : p) entry /= total;
  return p;
}

// A joint distribution Q(c, y) = Pr[h = c | y] p(y) of outputs (rows) and true labels (columns).
inline Matrix random_joint(size_t n, uint32_t index) {
  return transposed(random_stochastic(n, index, 3.0)) * diagonal(random_distribution(n, index + (1u << 16)));
}

// Whether some row's diagonal entry is not its largest (paper, section 3.1).
inline bool is_diagonally_non_dominant(const Matrix& t) {
  for (size_t r = 0; r < t.n; ++r)
    for (size_t c = 0; c < t.n; ++c)
      if (c != r && t(r, c) >= t(r, r)) return true;
  return false;
}

// L_DMI of a joint matrix.
inline double dmi_loss(const Matrix& joint, double epsilon = 0.0) {
  const auto n = static_cast<int64_t>(joint.n);
  return dmi_from_joint(Tensor::from(joint.values, {n, n}, Device::reference), epsilon).item();
}

}  // namespace cofactor::testing
