// Arrays of f64 on the host, and the linear algebra of the formulas' own column: plain loops that share no code with
// the engine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/tensor.h"

namespace cofactor {

struct Numbers {
  Shape shape;
  std::vector<double> values;  // row-major

  Numbers() = default;
  Numbers(const Shape& extents, std::vector<double> row_major) : shape(extents), values(std::move(row_major)) {}
  explicit Numbers(const Shape& extents) : shape(extents), values(static_cast<size_t>(extents.numel()), 0.0) {}

  int64_t rows() const { return shape[0]; }
  int64_t columns() const { return shape[1]; }
  double& at(int64_t row, int64_t column) { return values[static_cast<size_t>(row * columns() + column)]; }
  double at(int64_t row, int64_t column) const { return values[static_cast<size_t>(row * columns() + column)]; }
  double& operator[](int64_t i) { return values[static_cast<size_t>(i)]; }
  double operator[](int64_t i) const { return values[static_cast<size_t>(i)]; }

  // The same as a tensor in f64 on the reference device, and back from a tensor in f64 or i32.
  Tensor tensor() const;
  static Numbers of(const Tensor& tensor);
  static Numbers scalar(double value) { return {Shape{}, {value}}; }
};

// The largest absolute value; 0 of nothing.
double largest(const std::vector<double>& values);

// log softmax of each row of (N, C).
Numbers log_softmax_rows(const Numbers& z);
// exp of each value.
Numbers exp_of(Numbers x);
// The mean of all values.
double mean_of(const Numbers& x);

// det m by Gauss' elimination with partial pivoting, in long double; m (C, C).
double determinant_of(const Numbers& m);
// m^-1, likewise; infinite values where a pivot is 0.
Numbers inverse_of(const Numbers& m);
// (-1)^(r + c) times the determinant of m without row r and column c.
Numbers cofactors_of(const Numbers& m);
// |m|_1 |m^-1|_1, by which rounding errors of m are enlarged in m^-1; infinity where m is singular.
double condition_of(const Numbers& m);

}  // namespace cofactor
