// Matrix product, log-determinant and cofactor matrix.
#include <limits>

#include "tests/engine/parity.h"
#include "tests/fixtures/numbers.h"

namespace cofactor::parity {
namespace {

using testing::kInfinity;

using Values = std::vector<double>;

// The determinant as Laplace expands it along the first row: slow, and independent of LU and SVD.
double expanded_determinant(const Values& a, size_t n) {
  if (n == 0) return 1.0;
  double sum = 0.0;
  for (size_t skip = 0; skip < n; ++skip) {
    Values minor;
    for (size_t r = 1; r < n; ++r)
      for (size_t c = 0; c < n; ++c)
        if (c != skip) minor.push_back(a[r * n + c]);
    sum += (skip % 2 == 0 ? 1.0 : -1.0) * a[skip] * expanded_determinant(minor, n - 1);
  }
  return sum;
}

Values expanded_cofactors(const Values& a, size_t n) {
  Values result;
  for (size_t row = 0; row < n; ++row)
    for (size_t column = 0; column < n; ++column) {
      Values minor;
      for (size_t r = 0; r < n; ++r)
        for (size_t c = 0; c < n; ++c)
          if (r != row && c != column) minor.push_back(a[r * n + c]);
      result.push_back(((row + column) % 2 == 0 ? 1.0 : -1.0) * expanded_determinant(minor, n - 1));
    }
  return result;
}

int64_t side_of(const Values& a) {
  return std::lround(std::sqrt(static_cast<double>(a.size())));
}

struct Lu {
  double sign, log_abs;
  Values inverse_transposed;
};

Lu lu_of(const Values& a, Device device) {
  const int64_t n = side_of(a);
  const Tensor u = tensor_of(a, {n, n}, DType::f64, device);
  const Tensor sign = Tensor::full({}, 101, DType::f64, device), log_abs = Tensor::full({}, 101, DType::f64, device);
  const Tensor inverse = Tensor::full({n, n}, 101, DType::f64, device);
  u.backend().lu_log_abs_det(u, sign, log_abs, inverse);
  check_close("u is no scratch of the factorisation", values_of(u), a, kExact);
  return {sign.item(), log_abs.item(), values_of(inverse)};
}

struct Cofactors {
  double det;
  Values values;
};

Cofactors cofactors_of(const Values& a, Device device) {
  const int64_t n = side_of(a);
  const Tensor u = tensor_of(a, {n, n}, DType::f64, device);
  const Tensor det = Tensor::full({}, 101, DType::f64, device),
               cofactors = Tensor::full({n, n}, 101, DType::f64, device);
  u.backend().svd_cofactor(u, det, cofactors);
  check_close("u is no scratch of the factorisation", values_of(u), a, kExact);
  return {det.item(), values_of(cofactors)};
}

// Bounds on |det a| and on the cofactors of a by the inequality of the means over the singular values: rounding is to
// be measured against these, since where a is singular the values themselves are 0 or rounding alone.
double magnitude(const Values& a) {
  double squares = 0.0;
  for (double value : a) squares += value * value;
  const auto n = static_cast<double>(side_of(a));
  const double det = std::pow(squares / n, n / 2);
  return n == 1.0 ? std::max(det, 1.0) : std::max(det, std::pow(squares / (n - 1), (n - 1) / 2));
}

Values random_matrix(size_t n, uint32_t index) {
  Values a(n * n);
  for (size_t i = 0; i < a.size(); ++i)
    a[i] = 2.0 * random_uniform({.seed = 7, .purpose = Purpose::test, .index = index}, i) - 1.0;
  return a;
}

// The sum of `rank` outer products of random vectors.
Values matrix_of_rank(size_t n, size_t rank, uint32_t index) {
  const Values left = random_matrix(n, index), right = random_matrix(n, index + 1);
  Values a(n * n, 0.0);
  for (size_t r = 0; r < n; ++r)
    for (size_t c = 0; c < n; ++c)
      for (size_t k = 0; k < rank; ++k) a[r * n + c] += left[r * n + k] * right[c * n + k];
  return a;
}

TEST_SUITE("parity") {
  TEST_CASE("matmul") {
    struct Case {
      int64_t m, n, k;
    };
    const Parity parity("matmul");
    for (const Case c : {Case{1, 1, 1},
                         {1, 7, 5},
                         {5, 1, 7},
                         {7, 5, 1},
                         {3, 17, 16},
                         {17, 16, 33},
                         {31, 10, 129},
                         {64, 32, 64},
                         {10, 10, 257}})
      for (int flags = 0; flags < 16; ++flags) {
        const bool transpose_a = flags & 1, transpose_b = flags & 2, with_bias = flags & 4, wide = flags & 8;
        parity.check(fmt::format("m {} n {} k {} transposed {} {} bias {} wide {}", c.m, c.n, c.k, transpose_a,
                                 transpose_b, with_bias, wide),
                     {2e-5, 1e-5}, [&](Run& run) {
                       const Tensor a = run.random(transpose_a ? Shape{c.k, c.m} : Shape{c.m, c.k});
                       const Tensor b = run.random(transpose_b ? Shape{c.n, c.k} : Shape{c.k, c.n});
                       const Tensor bias = with_bias ? run.random_wide({c.n}) : Tensor();
                       const Tensor y = wide ? run.output_wide({c.m, c.n}) : run.output({c.m, c.n});
                       run.backend().matmul(a, transpose_a, b, transpose_b, bias, y);
                       run.keep("y", y);
                     });
      }
  }

  TEST_CASE("matmul: a NaN fills its row") {
    const Parity parity("matmul");
    for (size_t spot : {17, 20, 33})  // in the second of three rows: its first value, one within, its last
      parity.check(fmt::format("NaN at {}", spot), {2e-5, 1e-5}, [&](Run& run) {
        std::vector<double> values = values_of(run.random({3, 17}));
        values[spot] = testing::kNan;
        const Tensor y = run.output({3, 5}), transposed = run.output({5, 3});
        run.backend().matmul(run.values(values, {3, 17}), false, run.random({5, 17}), true, {}, y);
        run.backend().matmul(run.random({17, 5}), true, run.values(values, {3, 17}), true, {}, transposed);
        run.keep("y", y);
        run.keep("transposed", transposed);
      });
  }

  TEST_CASE("lu_log_abs_det") {
    const Parity parity("lu_log_abs_det");
    std::vector<Values> matrices{{-3}, {0}, {1, 2, 2, 4}, {0, 1, 1, 0}, {1e-200, 0, 0, 1e-200}, Values(9, 0.0)};
    for (size_t n : {2, 3, 5, 10, 14, 17}) matrices.push_back(random_matrix(n, static_cast<uint32_t>(n)));
    for (const Values& a : matrices)
      parity.check(fmt::format("{} x {}", side_of(a), side_of(a)), {1e-10, 1e-10}, [&](Run& run) {
        const Lu lu = lu_of(a, run.device());
        run.keep("sign", lu.sign);
        run.keep("log_abs", lu.log_abs);
        run.keep("inverse_transposed", run.values(lu.inverse_transposed, {side_of(a), side_of(a)}, DType::f64));
      });
  }

  TEST_CASE("svd_cofactor") {
    const Parity parity("svd_cofactor");
    std::vector<Values> matrices{{-3}, {0}, {1, 2, 2, 4}, {0, 1, 1, 0}, Values(9, 0.0), Values(25, 1.0)};
    for (size_t n : {2, 3, 5, 10, 14, 17}) {
      const auto index = static_cast<uint32_t>(n);
      matrices.push_back(random_matrix(n, index));
      matrices.push_back(matrix_of_rank(n, n - 1, 100 + index));
      matrices.push_back(matrix_of_rank(n, n - 2, 200 + index));
    }
    for (const Values& a : matrices)
      parity.check(fmt::format("{} x {}", side_of(a), side_of(a)), {1e-13 * magnitude(a), 1e-10}, [&](Run& run) {
        const Cofactors cofactors = cofactors_of(a, run.device());
        run.keep("det", cofactors.det);
        run.keep("cofactors", run.values(cofactors.values, {side_of(a), side_of(a)}, DType::f64));
      });
  }
}

TEST_SUITE("unit") {
  TEST_CASE("reference matmul by hand each operand transposed") {
    const Tensor y = oracle_output({2, 2});
    const auto multiply = [&](const Tensor& a, bool ta, const Tensor& b, bool tb, const Tensor& bias) {
      a.backend().matmul(a, ta, b, tb, bias, y);
      return y.to_vector<double>();
    };
    const Tensor a = oracle({1, 2, 3, 4, 5, 6}, {2, 3}), at = oracle({1, 4, 2, 5, 3, 6}, {3, 2});
    const Tensor b = oracle({1, 0, 0, 1, 10, 100}, {3, 2}), bt = oracle({1, 0, 10, 0, 1, 100}, {2, 3});
    const Values expected{31, 302, 64, 605};
    CHECK(multiply(a, false, b, false, {}) == expected);
    CHECK(multiply(at, true, b, false, {}) == expected);
    CHECK(multiply(a, false, bt, true, {}) == expected);
    CHECK(multiply(at, true, bt, true, oracle({1, -2}, {2})) == Values{32, 300, 65, 603});
  }

  TEST_CASE("reference lu_log_abs_det of matrices known by hand") {
    const auto check_lu = [](const Values& a, double sign, double det, const Values& inverse_transposed) {
      const Lu lu = lu_of(a, Device::reference);
      CHECK(lu.sign == sign);
      CHECK(lu.log_abs == doctest::Approx(std::log(det)).epsilon(1e-14));
      check_close("inverse transposed", lu.inverse_transposed, inverse_transposed, {1e-15, 1e-14});
    };
    check_lu({-4}, -1, 4, {-0.25});
    check_lu({1, 0, 0, 1}, 1, 1, {1, 0, 0, 1});
    check_lu({0, 1, 1, 0}, -1, 1, {0, 1, 1, 0});        // needs pivoting
    check_lu({1, 2, 3, 4}, -1, 2, {-2, 1.5, 1, -0.5});  // det -2
    check_lu({0.5, 0.1, 0.2, 0.2}, 1, 0.08, {2.5, -2.5, -1.25, 6.25});
    check_lu({2, 0, 0, 0, 0, 3, 0, 5, 0}, -1, 30, {0.5, 0, 0, 0, 0, 1.0 / 3, 0, 0.2, 0});
    check_lu(
        {6, 1, 1, 4, -2, 5, 2, 8, 7}, -1, 306,
        {54 / 306.0, 18 / 306.0, -36 / 306.0, -1 / 306.0, -40 / 306.0, 46 / 306.0, -7 / 306.0, 26 / 306.0, 16 / 306.0});
  }

  TEST_CASE("reference lu_log_abs_det: singular matrices") {
    for (const Values& a : {Values{0}, Values{1, 2, 2, 4}, Values(9, 0.0), Values{1, 0, 2, 3, 0, 4, 5, 0, 6}}) {
      const Lu lu = lu_of(a, Device::reference);
      CHECK(lu.sign == 0.0);
      CHECK(lu.log_abs == -kInfinity);
      for (double value : lu.inverse_transposed) CHECK(std::isnan(value));
    }
  }

  TEST_CASE("reference lu_log_abs_det: tiny determinants keep their logarithm") {
    Values tiny(100, 0.0);  // diag(1e-40, ..), det 1e-400: 0 as a double
    for (size_t k = 0; k < 10; ++k) tiny[k * 11] = 1e-40;
    const Lu lu = lu_of(tiny, Device::reference);
    CHECK(lu.sign == 1.0);
    CHECK(lu.log_abs == doctest::Approx(-400.0 * std::log(10.0)).epsilon(1e-14));
  }

  TEST_CASE("reference lu_log_abs_det: a NaN is not taken for a singular matrix") {
    const Lu lu = lu_of({std::nan(""), 1, 2, 3}, Device::reference);
    CHECK(std::isnan(lu.log_abs));
    CHECK(std::isnan(lu.sign));
  }

  TEST_CASE("reference svd_cofactor of matrices known by hand") {
    const auto check_cofactors = [](const Values& a, double det, const Values& expected) {
      const Cofactors cofactors = cofactors_of(a, Device::reference);
      CHECK(cofactors.det == doctest::Approx(det).epsilon(1e-13));
      check_close("cofactors", cofactors.values, expected, {1e-14, 1e-14});
    };
    check_cofactors({7}, 7, {1});
    check_cofactors({-7}, -7, {1});
    check_cofactors({0}, 0, {1});
    check_cofactors({1, 2, 3, 4}, -2, {4, -3, -2, 1});
    check_cofactors({1, 2, 2, 4}, 0, {4, -2, -2, 1});
    check_cofactors({0, 0, 0, 0}, 0, {0, 0, 0, 0});
    check_cofactors({0, 5, 0, 0}, 0, {0, 0, -5, 0});
    check_cofactors({1, 0, 0, -1e-20}, -1e-20, {-1e-20, 0, 0, 1});                       // a small value keeps its sign
    check_cofactors({1, 2, 3, 4, 5, 6, 7, 8, 9}, 0, {-3, 6, -3, 6, -12, 6, -3, 6, -3});  // rank 2
    check_cofactors(Values(9, 1.0), 0, Values(9, 0.0));                                  // rank 1
    check_cofactors({0, 1, 0, 0, 0, 1, 1, 0, 0}, 1, {0, 1, 0, 0, 0, 1, 1, 0, 0});        // a permutation
  }

  TEST_CASE("reference svd_cofactor: small determinants to high relative accuracy") {
    const Cofactors cofactors = cofactors_of({1, 0, 0, -1e-20}, Device::reference);
    CHECK(cofactors.det == doctest::Approx(-1e-20).epsilon(1e-13).scale(0.0));
    CHECK(cofactors.values[0] == doctest::Approx(-1e-20).epsilon(1e-13).scale(0.0));
  }

  TEST_CASE("reference svd_cofactor agrees with Laplace's expansion at every rank") {
    for (size_t n = 1; n <= 6; ++n)
      for (size_t rank = 0; rank <= n; ++rank)
        for (uint32_t draw = 0; draw < 8; ++draw) {
          const Values a = matrix_of_rank(n, rank, 1000 + 2 * draw);
          const Cofactors cofactors = cofactors_of(a, Device::reference);
          CHECK(std::abs(cofactors.det - expanded_determinant(a, n)) < 1e-12);
          check_close(fmt::format("n {} rank {}", n, rank), cofactors.values, expanded_cofactors(a, n), {1e-12, 1e-12});
        }
  }

  TEST_CASE("reference svd_cofactor: scaling and a column of zeros as an absent class leaves it") {
    const Values a = random_matrix(4, 55);
    for (double scale : {1e-70, 1e-3, 1e70}) {
      Values scaled = a, expected = expanded_cofactors(a, 4);
      for (double& value : scaled) value *= scale;
      for (double& value : expected) value *= scale * scale * scale;
      check_close(fmt::format("scale {}", scale), cofactors_of(scaled, Device::reference).values, expected,
                  {1e-12 * scale * scale * scale, 1e-11});
    }
    Values absent = random_matrix(5, 56);
    for (size_t r = 0; r < 5; ++r) absent[r * 5 + 2] = 0.0;
    const Cofactors cofactors = cofactors_of(absent, Device::reference);
    check_close("absent class", cofactors.values, expanded_cofactors(absent, 5), {1e-13, 1e-13});
    CHECK(cofactors.det == 0.0);
  }

  TEST_CASE("reference: the two ways to the determinant and the cofactors agree") {
    for (size_t n : {1, 2, 7, 14, 30}) {
      const Values a = random_matrix(n, static_cast<uint32_t>(60 + n));
      const Lu lu = lu_of(a, Device::reference);
      const Cofactors cofactors = cofactors_of(a, Device::reference);
      const double det = lu.sign * std::exp(lu.log_abs);
      CHECK(cofactors.det == doctest::Approx(det).epsilon(1e-11));
      Values expected = lu.inverse_transposed;  // cof u = det u * u^-T
      for (double& value : expected) value *= det;
      check_close(fmt::format("n {}", n), cofactors.values, expected, {1e-11 * std::abs(det), 1e-9});
    }
  }
}

}  // namespace
}  // namespace cofactor::parity
