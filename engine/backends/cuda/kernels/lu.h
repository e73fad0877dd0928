// The sign, the logarithm and the transposed inverse of a small determinant, in f64, by one group of threads: what the
// exact DMI loss needs, inside a captured step, where cuSOLVER does not promise to work.
#pragma once

#include <cmath>
#include <limits>

#include "engine/backends/cuda/kernels/launch.h"

namespace cofactor::cuda {

inline constexpr int kMaxLuClasses = 64;

// Gauss-Jordan elimination in place with partial pivoting (Golub & Van Loan, Matrix Computations, 4th ed., 3.4): LU's
// pivots, and the inverse with them. After step k column k of the identity has become column k of the result; the row
// exchanges come off at the end, as exchanges of columns.
struct LuLogAbsDet {
  const double* u;
  int n;  // at most kMaxLuClasses
  double *sign, *log_abs, *inverse_transposed;

  // What the group works in. A row is one longer than the matrix, so that a column's entries lie in different banks.
  struct Shared {
    double a[kMaxLuClasses][kMaxLuClasses + 1];
    double factor[kMaxLuClasses];
    double sign, log_abs;
    int pivot_row[kMaxLuClasses];
    bool singular;
  };

  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t, Shared& s) const {
    for (int i = group.rank(); i < n * n; i += group.size()) s.a[i / n][i % n] = u[i];
    if (group.rank() == 0) {
      s.sign = 1.0;
      s.log_abs = 0.0;
      s.singular = false;
    }
    group.sync();
    for (int k = 0; k < n; ++k) {
      if (group.rank() == 0) choose_pivot(s, k);
      group.sync();
      if (s.singular) break;
      exchange_rows(group, s, k);
      group.sync();
      const double pivot = s.a[k][k];
      for (int r = group.rank(); r < n; r += group.size()) s.factor[r] = s.a[r][k];
      group.sync();
      for (int c = group.rank(); c < n; c += group.size()) s.a[k][c] = (c == k ? 1.0 : s.a[k][c]) / pivot;
      group.sync();
      for (int i = group.rank(); i < n * n; i += group.size()) {
        const int r = i / n, c = i % n;
        if (r != k) s.a[r][c] = (c == k ? 0.0 : s.a[r][c]) - s.factor[r] * s.a[k][c];
      }
      group.sync();
    }
    write(group, s);
  }

 private:
  // The largest entry left in column k, the first among equals; a NaN is taken where it is met first.
  COFACTOR_HD void choose_pivot(Shared& s, int k) const {
    using std::abs, std::log;
    int best = k;
    for (int r = k + 1; r < n; ++r)
      if (abs(s.a[r][k]) > abs(s.a[best][k])) best = r;
    const double pivot = s.a[best][k];
    s.pivot_row[k] = best;
    s.singular = pivot == 0.0;
    s.log_abs += log(abs(pivot));
    s.sign *= pivot < 0.0 ? -1.0 : pivot > 0.0 ? 1.0 : pivot;
    if (best != k) s.sign = -s.sign;
  }

  template <class Group>
  COFACTOR_HD void exchange_rows(const Group& group, Shared& s, int k) const {
    const int other = s.pivot_row[k];
    if (other == k) return;
    for (int c = group.rank(); c < n; c += group.size()) {
      const double kept = s.a[k][c];
      s.a[k][c] = s.a[other][c];
      s.a[other][c] = kept;
    }
  }

  template <class Group>
  COFACTOR_HD void write(const Group& group, Shared& s) const {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (group.rank() == 0) {
      *sign = s.singular ? 0.0 : s.sign;
      *log_abs = s.singular ? -kInfinity : s.log_abs;
    }
    // Row r on its own: the exchanges in reverse order, then down column r of the transpose.
    for (int r = group.rank(); r < n; r += group.size()) {
      for (int k = n - 1; k >= 0 && !s.singular; --k) {
        const double kept = s.a[r][k];
        s.a[r][k] = s.a[r][s.pivot_row[k]];
        s.a[r][s.pivot_row[k]] = kept;
      }
      for (int c = 0; c < n; ++c)
        inverse_transposed[c * n + r] = s.singular ? std::numeric_limits<double>::quiet_NaN() : s.a[r][c];
    }
  }
};

}  // namespace cofactor::cuda
