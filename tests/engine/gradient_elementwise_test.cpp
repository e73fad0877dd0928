// Elementwise ops, casts and reductions against central differences; where one is not differentiable, against the
// formula worked out by hand.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "engine/ops/matmul.h"
#include "engine/ops/reduce.h"
#include "tests/engine/gradients.h"

namespace cofactor::testing {

TEST_SUITE("gradient") {
  TEST_CASE("every unary op of the list") {
    uint32_t index = 2000;
    for_each_op(UnaryOps{}, [&]<class Op>() {
      for (const double a : Op::kArguments)
        for (const Shape& shape : {Shape{}, Shape{1}, Shape{7}, Shape{2, 3, 5}}) {
          CAPTURE(Op::kName);
          CAPTURE(a);
          const Tensor x = random_tensor(shape, index++, Op::kDomain.low, Op::kDomain.high);
          check_gradients([&](const Tensors& in) { return apply(op_of<Op>, in[0], a); }, {x});
        }
    });
  }

  TEST_CASE("every binary op of the list with broadcasting") {
    const std::vector<std::pair<Shape, Shape>> shapes = {{{2, 3}, {2, 3}}, {{2, 3}, {3}}, {{2, 1}, {2, 3}}, {{}, {4}}};
    uint32_t index = 2500;
    for_each_op(BinaryOps{}, [&]<class Op>() {
      for (const auto& [left, right] : shapes) {
        CAPTURE(Op::kName);
        CAPTURE(left);
        const Tensor a = random_tensor(left, index++, Op::kDomainA.low, Op::kDomainA.high);
        const Tensor b = random_tensor(right, index++, Op::kDomainB.low, Op::kDomainB.high);
        const TensorFunction f = [](const Tensors& in) { return apply(op_of<Op>, in[0], in[1]); };
        if (Op::kDifferentiable) {
          check_gradients(f, {a, b});
        } else {
          Tensor leaf = a.clone();
          leaf.set_requires_grad(true);
          CHECK_FALSE(f({leaf, b}).requires_grad());
        }
      }
    });
  }

  TEST_CASE("elementwise functions") {
    using Function = Tensor (*)(const Tensor&);
    struct Case {
      std::string name;
      TensorFunction f;
      double low, high;
    };
    auto of = [](Function f) { return [f](const Tensors& in) { return f(in[0]); }; };
    const std::vector<Case> cases = {
        {"neg", of(neg), -2, 2},
        {"exp", of(exp), -2, 2},
        {"log", of(log), 0.1, 3},
        {"sqrt", of(sqrt), 0.1, 3},
        {"abs", of(abs), -2, 2},
        {"relu", of(relu), -2, 2},
        {"tanh", of(tanh), -3, 3},
        {"sigmoid", of(sigmoid), -5, 5},
        {"pow 3", [](const Tensors& in) { return pow(in[0], 3.0); }, -2, 2},
        {"pow 0", [](const Tensors& in) { return pow(in[0], 0.0); }, 0.5, 2},
        {"pow -1.5", [](const Tensors& in) { return pow(in[0], -1.5); }, 0.5, 2},
        {"pow 0.7", [](const Tensors& in) { return pow(in[0], 0.7); }, 0.1, 2},
        {"x + 0.3", [](const Tensors& in) { return in[0] + 0.3; }, -2, 2},
        {"x - 0.3", [](const Tensors& in) { return in[0] - 0.3; }, -2, 2},
        {"-1.7 x", [](const Tensors& in) { return -1.7 * in[0]; }, -2, 2},
        {"x / 1.7", [](const Tensors& in) { return in[0] / 1.7; }, -2, 2},
        {"0.3 + x", [](const Tensors& in) { return 0.3 + in[0]; }, -2, 2},
        {"0.3 - x", [](const Tensors& in) { return 0.3 - in[0]; }, -2, 2},
        {"1.7 / x", [](const Tensors& in) { return 1.7 / in[0]; }, 0.5, 2},
        {"log sigmoid x^2", [](const Tensors& in) { return log(sigmoid(in[0] * in[0])); }, -2, 2},
    };
    uint32_t index = 10;
    for (const auto& [name, f, low, high] : cases) {
      CAPTURE(name);
      for (const Shape& shape : {Shape{}, Shape{1}, Shape{7}, Shape{2, 3, 5}})
        check_gradients(f, {random_tensor(shape, index++, low, high)});
    }
  }

  TEST_CASE("functions that are not differentiable at 0 have gradient 0 there") {
    const Tensor x = Tensor::from(std::vector<double>{-1.0, 0.0, 2.0}, {3}, kHost);
    const Tensor seed = Tensor::full({3}, 3.0, DType::f64, kHost);
    CHECK(gradient_of([](const Tensor& t) { return abs(t); }, x, seed) == std::vector<double>{-3, 0, 3});
    CHECK(gradient_of([](const Tensor& t) { return relu(t); }, x, seed) == std::vector<double>{0, 0, 3});
  }

  TEST_CASE("arithmetic with broadcasting") {
    const std::vector<std::pair<Shape, Shape>> shapes = {
        {{2, 3}, {2, 3}}, {{2, 3}, {3}},       {{2, 3}, {2, 1}},       {{2, 3}, {}},
        {{1}, {2, 2}},    {{4, 1, 3}, {5, 1}}, {{2, 1, 3}, {1, 4, 1}}, {{1, 1}, {1}},
    };
    uint32_t index = 200;
    for (const auto& [left, right] : shapes) {
      CAPTURE(left);
      CAPTURE(right);
      const Tensor a = random_tensor(left, index++), b = random_tensor(right, index++, 0.5, 2.0);
      for (const Tensors& operands : {Tensors{a, b}, Tensors{b, a + 3.0}}) {
        check_gradients([](const Tensors& in) { return in[0] + in[1]; }, operands);
        check_gradients([](const Tensors& in) { return in[0] - in[1]; }, operands);
        check_gradients([](const Tensors& in) { return in[0] * in[1]; }, operands);
        check_gradients([](const Tensors& in) { return in[0] / in[1]; }, operands);
      }
    }
  }

  TEST_CASE("one tensor as both operands") {
    const Tensor x = random_tensor({3, 2}, 250, 0.5, 2.0);
    check_gradients([](const Tensors& in) { return in[0] + in[0]; }, {x});
    check_gradients([](const Tensors& in) { return in[0] * in[0]; }, {x});
    check_gradients([](const Tensors& in) { return in[0] / (in[0] * in[0]); }, {x});
    check_gradients([](const Tensors& in) { return matmul(in[0], transpose(in[0])); }, {x});
  }

  TEST_CASE("cast passes the gradient on in the input's dtype") {
    const std::vector<double> values = {1.5, -2.25, 0.1};
    for (DType dtype : {DType::f32, DType::bf16}) {
      Tensor x = Tensor::from(values, {3}, kHost);
      x.set_requires_grad(true);
      const Tensor y = cast(x, dtype);
      CHECK(y.dtype() == dtype);
      backward(y, cast(Tensor::from(std::vector<double>{0.5, -4.0, 2.0}, {3}, kHost), dtype));
      CHECK(x.grad().to_vector<double>() == std::vector<double>{0.5, -4.0, 2.0});
    }
    check_gradients([](const Tensors& in) { return cast(in[0], DType::f64) * in[0]; }, {random_tensor({3}, 260)});
    Tensor x = Tensor::from(values, {3}, kHost);
    x.set_requires_grad(true);
    CHECK_FALSE(cast(x, DType::i32).requires_grad());
    CHECK(cast(x, DType::i32).to_vector<int32_t>() == std::vector<int32_t>{1, -2, 0});
  }

  TEST_CASE("reductions over any axes") {
    const std::vector<std::vector<int>> axes_of_rank3 = {{}, {0}, {1}, {-1}, {0, 2}, {2, 1}, {-3, 1, -1}};
    uint32_t index = 300;
    for (const std::vector<int>& axes : axes_of_rank3) {
      for (const bool keep_dims : {false, true}) {
        CAPTURE(axes.size());
        CAPTURE(keep_dims);
        const Tensor x = random_tensor({3, 4, 5}, index++);
        check_gradients([&](const Tensors& in) { return sum(in[0], axes, keep_dims); }, {x});
        check_gradients([&](const Tensors& in) { return mean(in[0], axes, keep_dims); }, {x});
        check_gradients([&](const Tensors& in) { return max(in[0], axes, keep_dims); }, {x});
      }
    }
    for (const Shape& shape : {Shape{}, Shape{1}, Shape{1, 7, 1}}) {
      check_gradients([](const Tensors& in) { return sum(in[0]); }, {random_tensor(shape, index++)});
      check_gradients([](const Tensors& in) { return mean(in[0]); }, {random_tensor(shape, index++)});
      check_gradients([](const Tensors& in) { return max(in[0]); }, {random_tensor(shape, index++)});
    }
  }

  TEST_CASE("equal largest values share the gradient of max evenly") {
    const Tensor x = matrix({1, 5, 5, 5, 2, 2, 2, 2, 0, 9, 3, 1}, 3, 4);
    CHECK(gradient_of([](const Tensor& t) { return max(t, {1}); }, x,
                      Tensor::from(std::vector<double>{6, 8, 5}, {3}, kHost)) ==
          std::vector<double>{0, 2, 2, 2, 2, 2, 2, 2, 0, 5, 0, 0});
    CHECK(gradient_of([](const Tensor& t) { return max(t); }, matrix({4, 4, 1, 4}, 2, 2),
                      Tensor::full({}, 3.0, DType::f64, kHost)) == std::vector<double>{1, 1, 0, 1});
  }
}

}  // namespace cofactor::testing
