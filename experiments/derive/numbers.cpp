#include "experiments/derive/numbers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace cofactor {
namespace {

using Wide = std::vector<long double>;

// Brings the left half of m (C rows of `width`) to the identity, if it is not singular; returns its determinant.
long double eliminate(Wide& m, size_t rows, size_t width) {
  long double determinant = 1.0L;
  for (size_t k = 0; k < rows; ++k) {
    size_t pivot = k;
    for (size_t r = k + 1; r < rows; ++r)
      if (std::abs(m[r * width + k]) > std::abs(m[pivot * width + k])) pivot = r;
    if (m[pivot * width + k] == 0.0L) return 0.0L;
    if (pivot != k) {
      determinant = -determinant;
      for (size_t c = 0; c < width; ++c) std::swap(m[k * width + c], m[pivot * width + c]);
    }
    const long double value = m[k * width + k];
    determinant *= value;
    for (size_t c = 0; c < width; ++c) m[k * width + c] /= value;
    for (size_t r = 0; r < rows; ++r) {
      const long double factor = m[r * width + k];
      if (r == k || factor == 0.0L) continue;
      for (size_t c = 0; c < width; ++c) m[r * width + c] -= factor * m[k * width + c];
    }
  }
  return determinant;
}

// The largest sum of absolute values in a column.
double norm_of(const Numbers& m) {
  double norm = 0.0;
  for (int64_t c = 0; c < m.columns(); ++c) {
    double sum = 0.0;
    for (int64_t r = 0; r < m.rows(); ++r) sum += std::abs(m.at(r, c));
    norm = std::max(norm, sum);
  }
  return norm;
}

}  // namespace

Tensor Numbers::tensor() const {
  return Tensor::from(values, shape, kHost);
}

Numbers Numbers::of(const Tensor& tensor) {
  if (tensor.dtype() == DType::f64) return {tensor.shape(), tensor.to_vector<double>()};
  const std::vector<int32_t> whole = tensor.to_vector<int32_t>();
  return {tensor.shape(), {whole.begin(), whole.end()}};
}

double largest(const std::vector<double>& values) {
  double most = 0.0;
  for (const double value : values) most = std::max(most, std::abs(value));
  return most;
}

Numbers log_softmax_rows(const Numbers& z) {
  Numbers result = z;
  for (int64_t i = 0; i < z.rows(); ++i) {
    double most = z.at(i, 0), sum = 0.0;
    for (int64_t c = 0; c < z.columns(); ++c) most = std::max(most, z.at(i, c));
    for (int64_t c = 0; c < z.columns(); ++c) sum += std::exp(z.at(i, c) - most);
    for (int64_t c = 0; c < z.columns(); ++c) result.at(i, c) = z.at(i, c) - most - std::log(sum);
  }
  return result;
}

Numbers exp_of(Numbers x) {
  for (double& value : x.values) value = std::exp(value);
  return x;
}

double mean_of(const Numbers& x) {
  return std::accumulate(x.values.begin(), x.values.end(), 0.0) / static_cast<double>(x.values.size());
}

double determinant_of(const Numbers& m) {
  Wide wide(m.values.begin(), m.values.end());
  const auto rows = static_cast<size_t>(m.rows());
  return static_cast<double>(eliminate(wide, rows, rows));
}

Numbers inverse_of(const Numbers& m) {
  const auto rows = static_cast<size_t>(m.rows()), width = 2 * rows;
  Wide wide(rows * width, 0.0L);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < rows; ++c) wide[r * width + c] = m.values[r * rows + c];
    wide[r * width + rows + r] = 1.0L;
  }
  const bool singular = eliminate(wide, rows, width) == 0.0L;
  Numbers inverse(m.shape);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < rows; ++c) {
      const auto value = static_cast<double>(wide[r * width + rows + c]);
      inverse.values[r * rows + c] = singular ? std::numeric_limits<double>::infinity() : value;
    }
  }
  return inverse;
}

Numbers cofactors_of(const Numbers& m) {
  const int64_t extent = m.rows();
  Numbers cofactors(m.shape);
  for (int64_t r = 0; r < extent; ++r) {
    for (int64_t c = 0; c < extent; ++c) {
      Numbers minor({extent - 1, extent - 1});
      for (int64_t i = 0; i < extent - 1; ++i)
        for (int64_t k = 0; k < extent - 1; ++k) minor.at(i, k) = m.at(i < r ? i : i + 1, k < c ? k : k + 1);
      cofactors.at(r, c) = ((r + c) % 2 == 0 ? 1.0 : -1.0) * determinant_of(minor);
    }
  }
  return cofactors;
}

double condition_of(const Numbers& m) {
  const Numbers inverse = inverse_of(m);
  if (!std::isfinite(inverse[0])) return std::numeric_limits<double>::infinity();
  return norm_of(m) * norm_of(inverse);
}

}  // namespace cofactor
