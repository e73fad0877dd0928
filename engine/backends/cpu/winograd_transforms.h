// The arithmetic of Winograd's minimal filtering F(4 x 4, 3 x 3): a tile of 4 x 4 outputs of a convolution with a 3 x 3
// kernel from 36 products instead of 144. (Winograd, Arithmetic Complexity of Computations, 1980; Lavin and Gray, Fast
// Algorithms for Convolutional Neural Networks, 2016.)
//
// In one dimension, where 4 outputs y of a kernel g of 3 read 6 inputs d:
//
//   y = A^T [(G g) * (B^T d)]        (* element by element)
//
// A polynomial of degree 5 is known by its values at 5 points and its leading coefficient. The adjoint of the
// convolution (4 outputs to 6 inputs) is the product of two polynomials, of degrees 3 and 2: A evaluates the one, G the
// other, B interpolates (Toom and Cook). The convolution is the transpose of that. In two dimensions every matrix is
// applied from both sides. As the formula is linear in d and in g, its vector-Jacobian products are the transposed
// matrices in the opposite order: dg = G^T [(B^T d) * (A dy)].
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "engine/backends/cpu/vectors.h"

namespace cofactor::cpu::winograd {

inline constexpr int kOutputs = 4, kKernel = 3, kTile = kOutputs + kKernel - 1;
inline constexpr int kProducts = kTile * kTile;

// Fractions that f32 represents. The smaller and the more alike the points' powers, the less is rounded away: in f32
// the error of a sum over 64 channels is 8e-7 of its standard deviation, of the direct sum 2e-7, and with the customary
// points 0, 1, -1, 2, -2 it is 2e-6.
inline constexpr std::array<double, kTile - 1> kPoints{0.0, 0.75, -0.75, 1.5, -1.5};

template <int Rows, int Columns>
struct Matrix {
  static constexpr int rows = Rows, columns = Columns;
  std::array<std::array<double, Columns>, Rows> at{};
};

template <int Rows, int Columns>
constexpr Matrix<Columns, Rows> transposed(const Matrix<Rows, Columns>& m) {
  Matrix<Columns, Rows> result;
  for (size_t i = 0; i < Rows; ++i)
    for (size_t j = 0; j < Columns; ++j) result.at[j][i] = m.at[i][j];
  return result;
}

// The values of a polynomial with `Coefficients` coefficients at the points, and its leading coefficient.
template <int Coefficients>
constexpr Matrix<kTile, Coefficients> evaluation() {
  Matrix<kTile, Coefficients> result;
  for (size_t j = 0; j < kPoints.size(); ++j) {
    double power = 1.0;
    for (double& value : result.at[j]) {
      value = power;
      power *= kPoints[j];
    }
  }
  result.at[kTile - 1][Coefficients - 1] = 1.0;
  return result;
}

// The coefficients, from x^0 on, of the product of (x - point) over all points but number `without`.
constexpr std::array<double, kTile> product_of_points(size_t without) {
  std::array<double, kTile> product{1.0};
  for (size_t j = 0; j < kPoints.size(); ++j) {
    if (j == without) continue;
    for (size_t degree = kTile - 1; degree > 0; --degree)
      product[degree] = product[degree - 1] - kPoints[j] * product[degree];
    product[0] *= -kPoints[j];
  }
  return product;
}

// B^T: row j has the coefficients of Lagrange's polynomial of point j, without its denominator.
constexpr Matrix<kTile, kTile> input_transform() {
  Matrix<kTile, kTile> result;
  for (size_t j = 0; j < kTile; ++j) result.at[j] = product_of_points(j);
  return result;
}

// G: the kernel's values, with Lagrange's denominators.
constexpr Matrix<kTile, kKernel> kernel_transform() {
  Matrix<kTile, kKernel> result = evaluation<kKernel>();
  for (size_t j = 0; j < kPoints.size(); ++j) {
    double denominator = 1.0;
    for (size_t k = 0; k < kPoints.size(); ++k)
      if (k != j) denominator *= kPoints[j] - kPoints[k];
    for (double& value : result.at[j]) value /= denominator;
  }
  return result;
}

inline constexpr auto kInput = input_transform();           // B^T
inline constexpr auto kWeights = kernel_transform();        // G
inline constexpr auto kWeightsVjp = transposed(kWeights);   // G^T
inline constexpr auto kOutputVjp = evaluation<kOutputs>();  // A
inline constexpr auto kOutput = transposed(kOutputVjp);     // A^T

// The sum of factor * x over row I of M, written out at compile time.
template <const auto& M, size_t I, size_t... J>
inline Floats row_times(const Floats* x, std::index_sequence<J...>) {
  Floats sum{};
  bool empty = true;  // folds away: every index is a constant
  const auto add = [&]<size_t Column>() {
    constexpr double factor = M.at[I][Column];
    if constexpr (factor != 0.0) {
      const Floats term = factor == 1.0 ? x[Column] : x[Column] * static_cast<float>(factor);
      sum = empty ? term : sum + term;
      empty = false;
    }
  };
  (add.template operator()<J>(), ...);
  return sum;
}

// y = M x for vectors of channels.
template <const auto& M>
inline void multiply(const Floats* x, Floats* y) {
  constexpr auto columns = std::make_index_sequence<static_cast<size_t>(M.columns)>{};
  [&]<size_t... I>(std::index_sequence<I...>) {
    ((y[I] = row_times<M, I>(x, columns)), ...);
  }
  (std::make_index_sequence<static_cast<size_t>(M.rows)>{});
}

// y = M x M^T (+ bias) for every channel of `channels`, a multiple of kLanes. The addresses of the cells' channels are
// row by row in x and y, whose elements are f32 or bf16. `bias` may be null.
template <const auto& M, class From, class To>
inline void transform(const From* const* x, To* const* y, int64_t channels, const float* bias = nullptr) {
  constexpr size_t rows = M.rows, columns = M.columns;
  for (int64_t c = 0; c < channels; c += kLanes) {
    Floats half[columns][rows];  // (M x)^T
    for (size_t j = 0; j < columns; ++j) {
      Floats column[columns];
      for (size_t i = 0; i < columns; ++i) column[i] = load_wide<Floats>(x[i * columns + j] + c);
      multiply<M>(column, half[j]);
    }
    const Floats shift = bias ? load<Floats>(bias + c) : Floats{};
    for (size_t i = 0; i < rows; ++i) {
      Floats row[columns], result[rows];
      for (size_t j = 0; j < columns; ++j) row[j] = half[j][i];
      multiply<M>(row, result);
      for (size_t j = 0; j < rows; ++j) store_narrow(y[i * rows + j] + c, bias ? result[j] + shift : result[j]);
    }
  }
}

}  // namespace cofactor::cpu::winograd
