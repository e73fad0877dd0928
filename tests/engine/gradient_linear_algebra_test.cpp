// Products, softmax and log |det| against central differences, and |det| of singular matrices against the cofactors.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "engine/ops/log_abs_det.h"
#include "engine/ops/matmul.h"
#include "engine/ops/softmax.h"
#include "tests/engine/gradients.h"

namespace cofactor::testing {

TEST_SUITE("gradient") {
  TEST_CASE("matrix products") {
    uint32_t index = 500;
    for (const auto& [m, k, n] : {std::tuple{1, 1, 1}, std::tuple{3, 4, 5}, std::tuple{7, 1, 2}, std::tuple{1, 6, 3}}) {
      const Tensor a = random_tensor({m, k}, index++), b = random_tensor({k, n}, index++);
      const Tensor w = random_tensor({n, k}, index++), bias = random_tensor({n}, index++);
      check_gradients([](const Tensors& in) { return matmul(in[0], in[1]); }, {a, b});
      check_gradients([](const Tensors& in) { return linear(in[0], in[1], in[2]); }, {a, w, bias});
      check_gradients([](const Tensors& in) { return linear(in[0], in[1], {}); }, {a, w});
    }
  }

  TEST_CASE("softmax") {
    uint32_t index = 600;
    for (const Shape& shape : {Shape{1}, Shape{5}, Shape{3, 4}, Shape{2, 3, 7}}) {
      const Tensor x = random_tensor(shape, index++, -4.0, 4.0);
      check_gradients([](const Tensors& in) { return softmax(in[0]); }, {x});
      check_gradients([](const Tensors& in) { return log_softmax(in[0]); }, {x});
    }
  }

  TEST_CASE("log |det| exact and smoothed") {
    uint32_t index = 1000;
    for (const int64_t classes : {1, 2, 3, 5, 10}) {
      for (const double epsilon : {0.0, 1e-3, 0.5}) {
        CAPTURE(classes);
        CAPTURE(epsilon);
        const Tensor u = random_tensor({classes, classes}, index++);
        check_gradients([&](const Tensors& in) { return log_abs_det(in[0], epsilon); }, {u});
      }
    }
  }

  TEST_CASE("log |det|: the gradient is the cofactor matrix over the determinant") {
    // cof [[a, b], [c, d]] = [[d, -c], [-b, a]]; det is -2 for the first and 0.5 for the second.
    check_near(gradient_of([](const Tensor& u) { return log_abs_det(u); }, matrix({1, 2, 3, 4}, 2, 2)),
               {-2.0, 1.5, 1.0, -0.5}, 1e-13);
    check_near(gradient_of([](const Tensor& u) { return log_abs_det(u, 2.0); }, matrix({1, 2, 3, 4}, 2, 2)),
               {-1.0, 0.75, 0.5, -0.25}, 1e-13);
    check_near(gradient_of([](const Tensor& u) { return log_abs_det(u, 0.5); }, matrix({1, 0.5, 1, 1}, 2, 2)),
               {1.0, -1.0, -0.5, 1.0}, 1e-13);
  }

  TEST_CASE("log |det| of a singular matrix: infinite when exact finite when smoothed") {
    const Tensor singular = matrix({0.25, 0.0, 0.25, 0.0}, 2, 2);  // the second class is absent
    CHECK(log_abs_det(singular).item() == -INFINITY);
    CHECK(log_abs_det(singular, 1e-3).item() == doctest::Approx(std::log(1e-3)).epsilon(1e-12));
    // cof = [[0, -0.25], [0, 0.25]]; sign(det) is 0, or that of a rounding error.
    const std::vector<double> grad = gradient_of([](const Tensor& u) { return log_abs_det(u, 1e-3); }, singular);
    const double sign = grad[3] / 250.0;
    CHECK((std::abs(sign) < 1e-9 || std::abs(std::abs(sign) - 1.0) < 1e-9));
    check_near(grad, {0.0, -250.0 * sign, 0.0, 250.0 * sign}, 1e-9);
    // Within 1e-12 of a singular matrix LU's inverse has lost every digit that counts; the cofactors have not.
    check_near(
        gradient_of([](const Tensor& u) { return log_abs_det(u, 1e-3); }, matrix({1.0, 2.0, 2.0, 4.0 + 0x1p-40}, 2, 2)),
        {4000.0, -2000.0, -2000.0, 1000.0}, 1e-8);
    // Two absent classes of three: every cofactor is 0.
    check_near(gradient_of([](const Tensor& u) { return log_abs_det(u, 1e-3); },
                           matrix({0.5, 0, 0, 0.25, 0, 0, 0.25, 0, 0}, 3, 3)),
               std::vector<double>(9, 0.0), 1e-12);
  }
}

}  // namespace cofactor::testing
