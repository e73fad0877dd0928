// The linear algebra of the formulas' own column.
#include "experiments/derive/numbers.h"

#include <doctest/doctest.h>

#include <cmath>

using namespace cofactor;

namespace {

const Numbers kMatrix({3, 3}, {2, -1, 0, 1, 3, 5, -2, 4, 1});
const Numbers kSingular({3, 3}, {1, 2, 3, 2, 4, 6, 0, 1, 5});

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("derive: determinant and cofactors of a matrix worked out by hand") {
    // 2 (3 - 20) + 1 (1 + 10) = -23
    CHECK(determinant_of(kMatrix) == doctest::Approx(-23.0).epsilon(1e-15));
    const std::vector<double> expected = {-17, -11, 10, 1, 2, -6, -5, -10, 7};
    const Numbers cofactors = cofactors_of(kMatrix);
    for (int64_t i = 0; i < 9; ++i) CHECK(cofactors[i] == doctest::Approx(expected[static_cast<size_t>(i)]));
    // A pivot of 0 in the first place, and a matrix with one entry.
    CHECK(determinant_of(Numbers({2, 2}, {0, 2, 3, 4})) == -6.0);
    CHECK(determinant_of(Numbers({1, 1}, {-2.5})) == -2.5);
    CHECK(cofactors_of(Numbers({1, 1}, {-2.5}))[0] == 1.0);  // an empty determinant
  }

  TEST_CASE("derive: the inverse is that of the cofactors and infinite where there is none") {
    const Numbers inverse = inverse_of(kMatrix), cofactors = cofactors_of(kMatrix);
    for (int64_t r = 0; r < 3; ++r)
      for (int64_t c = 0; c < 3; ++c) CHECK(inverse.at(r, c) == doctest::Approx(cofactors.at(c, r) / -23.0));
    CHECK(determinant_of(kSingular) == 0.0);
    CHECK(std::isinf(inverse_of(kSingular)[0]));
    CHECK(std::isinf(condition_of(kSingular)));
    CHECK(condition_of(Numbers({2, 2}, {1, 0, 0, 1})) == 1.0);
    CHECK(condition_of(Numbers({2, 2}, {1, 0, 0, 0.001})) == doctest::Approx(1000.0));
    // Of a singular matrix the cofactors exist.
    CHECK(cofactors_of(kSingular).at(2, 0) == 0.0);
    CHECK(cofactors_of(kSingular).at(0, 0) == 14.0);
  }

  TEST_CASE("derive: log softmax does not overflow and its exponentials sum to 1") {
    const Numbers p = exp_of(log_softmax_rows(Numbers({2, 3}, {1e4, -1e4, 0, 0.5, 0.25, -0.75})));
    for (int64_t row = 0; row < 2; ++row)
      CHECK(p.at(row, 0) + p.at(row, 1) + p.at(row, 2) == doctest::Approx(1.0).epsilon(1e-15));
    CHECK(p.at(0, 0) == 1.0);
    CHECK(p.at(0, 1) == 0.0);
  }

  TEST_CASE("derive: numbers become tensors in f64 and come back from f64 and i32") {
    CHECK(Numbers::of(kMatrix.tensor()).values == kMatrix.values);
    CHECK(kMatrix.tensor().dtype() == DType::f64);
    CHECK(Numbers::of(Tensor::from({3, -1}, {2}, kHost)).values == std::vector<double>{3.0, -1.0});
    CHECK(Numbers::scalar(2.0).tensor().item() == 2.0);
  }
}
