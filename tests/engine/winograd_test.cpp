// Winograd's matrices alone, in f64: the identity that the cpu backend's 3 x 3 convolutions rest on.
#include "engine/backends/cpu/winograd_transforms.h"

#include <doctest/doctest.h>

#include <vector>

#include "engine/random.h"

namespace cofactor::cpu::winograd {
namespace {

using Vector = std::vector<double>;

template <int Rows, int Columns>
Vector times(const Matrix<Rows, Columns>& m, const Vector& x) {
  REQUIRE(x.size() == Columns);
  Vector y(Rows);
  for (size_t i = 0; i < Rows; ++i)
    for (size_t j = 0; j < Columns; ++j) y[i] += m.at[i][j] * x[j];
  return y;
}

Vector products(const Vector& a, const Vector& b) {
  Vector y(a.size());
  for (size_t i = 0; i < a.size(); ++i) y[i] = a[i] * b[i];
  return y;
}

Vector random(size_t size, uint32_t draw) {
  Vector x(size);
  const RandomKey key{.seed = 4, .purpose = Purpose::test, .index = draw};
  for (size_t i = 0; i < size; ++i) x[i] = 2.0 * random_uniform(key, i) - 1.0;
  return x;
}

void check_close(const Vector& values, const Vector& expected) {
  REQUIRE(values.size() == expected.size());
  for (size_t i = 0; i < values.size(); ++i) CHECK(std::abs(values[i] - expected[i]) < 1e-14);
}

TEST_SUITE("winograd") {
  TEST_CASE("four outputs from six products are the correlation and its gradient") {
    const Vector d = random(kTile, 0), g = random(kKernel, 1), dy = random(kOutputs, 2);
    Vector y(kOutputs), dg(kKernel);
    for (size_t o = 0; o < kOutputs; ++o)
      for (size_t k = 0; k < kKernel; ++k) {
        y[o] += g[k] * d[o + k];
        dg[k] += dy[o] * d[o + k];
      }
    const Vector transformed = times(kInput, d);
    check_close(times(kOutput, products(times(kWeights, g), transformed)), y);
    check_close(times(kWeightsVjp, products(times(kOutputVjp, dy), transformed)), dg);
  }

  TEST_CASE("the first row of B^T is the product over the points that are not 0") {
    // (x^2 - 9/16)(x^2 - 9/4) = x^4 - 45/16 x^2 + 81/64
    CHECK(kInput.at[0] == std::array<double, kTile>{81.0 / 64, 0.0, -45.0 / 16, 0.0, 1.0, 0.0});
    CHECK(kWeights.at[0] == std::array<double, kKernel>{64.0 / 81, 0.0, 0.0});
  }

  TEST_CASE("transform applies a matrix from both sides to every channel") {
    constexpr size_t channels = 2 * static_cast<size_t>(kLanes), cells = kKernel * kKernel;
    std::vector<float> x(cells * channels), y(kProducts * channels), bias(channels);
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 13) - 6.0f;
    for (size_t c = 0; c < channels; ++c) bias[c] = static_cast<float>(c);
    std::vector<const float*> from;
    std::vector<float*> to;
    for (size_t k = 0; k < cells; ++k) from.push_back(x.data() + k * channels);
    for (size_t p = 0; p < kProducts; ++p) to.push_back(y.data() + p * channels);
    transform<kWeights>(from.data(), to.data(), channels, bias.data());
    for (size_t i = 0; i < kTile; ++i)
      for (size_t j = 0; j < kTile; ++j)
        for (size_t c = 0; c < channels; ++c) {
          double expected = bias[c];
          for (size_t a = 0; a < kKernel; ++a)
            for (size_t b = 0; b < kKernel; ++b)
              expected += kWeights.at[i][a] * x[(a * kKernel + b) * channels + c] * kWeights.at[j][b];
          CHECK(static_cast<double>(y[(i * kTile + j) * channels + c]) == doctest::Approx(expected).epsilon(1e-5));
        }
  }
}

}  // namespace
}  // namespace cofactor::cpu::winograd
