// Every differentiable op against central differences in f64 on the reference backend; where an op is not
// differentiable (ties, a singular matrix), against the formula worked out by hand.
#include "tests/gradient_check.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "engine/ops/batch_norm.h"
#include "engine/ops/conv.h"
#include "engine/ops/dropout.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/embedding.h"
#include "engine/ops/layout.h"
#include "engine/ops/log_abs_det.h"
#include "engine/ops/matmul.h"
#include "engine/ops/pool.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"

namespace cofactor {

namespace {

using testing::kDevice;

using testing::check_gradients;
using testing::random_tensor;
using Tensors = std::vector<Tensor>;

Tensor matrix(const std::vector<double>& values, int64_t rows, int64_t columns) {
  return Tensor::from(values, {rows, columns}, kDevice);
}

Tensor integers(const std::vector<int32_t>& values, const Shape& shape) {
  return Tensor::from(values, shape, kDevice);
}

// The gradient by x of sum(f(x) * seed), or of f(x) where it is a scalar.
std::vector<double> gradient_of(const std::function<Tensor(const Tensor&)>& f, const Tensor& x,
                                const Tensor& seed = {}) {
  Tensor leaf = x.clone();
  leaf.set_requires_grad(true);
  backward(f(leaf), seed);
  return leaf.grad().to_vector<double>();
}

void check_close(const std::vector<double>& found, const std::vector<double>& expected, double tolerance) {
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(found[i] - expected[i]) <= tolerance * std::max(1.0, std::abs(expected[i])));
  }
}

// x squared, with a vjp that is `factor` times the right one.
Tensor square_with_vjp_times(const Tensor& x, double factor) {
  Tensor y;
  {
    const NoGrad no_grad;
    y = x * x;
  }
  return record(y, "square", {x},
                [kept = x.detach(), factor](const Tensor& grad) -> Tensors { return {2.0 * factor * kept * grad}; });
}

}  // namespace

TEST_SUITE("gradient") {
  TEST_CASE("the gradient check accepts a right vjp and detects wrong ones") {
    const Tensor x = random_tensor({3, 4}, 1);
    auto error_of = [&](double factor) {
      return gradient_error([factor](const Tensors& in) { return square_with_vjp_times(in[0], factor); }, {x});
    };
    CHECK(error_of(1.0) < 1e-8);
    CHECK(error_of(1.00001) > 1e-6);
    CHECK(error_of(-1.0) > 1.0);
    CHECK(error_of(0.0) > 0.5);
    CHECK(error_of(std::nan("")) == INFINITY);

    const TensorFunction forgets_an_input = [](const Tensors& in) { return in[0] * in[1].detach(); };
    CHECK(gradient_error(forgets_an_input, {x, random_tensor({3, 4}, 2)}) > 0.1);
    const TensorFunction swaps_its_inputs = [](const Tensors& in) {
      return record((in[0] - in[1]).detach(), "swapped", {in[0], in[1]}, [](const Tensor& grad) -> Tensors {
        return {-grad, grad};
      });
    };
    CHECK(gradient_error(swaps_its_inputs, {x, random_tensor({3, 4}, 2)}) > 0.1);
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
    const Tensor x = Tensor::from(std::vector<double>{-1.0, 0.0, 2.0}, {3}, kDevice);
    const Tensor seed = Tensor::full({3}, 3.0, DType::f64, kDevice);
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
      Tensor x = Tensor::from(values, {3}, kDevice);
      x.set_requires_grad(true);
      const Tensor y = cast(x, dtype);
      CHECK(y.dtype() == dtype);
      backward(y, cast(Tensor::from(std::vector<double>{0.5, -4.0, 2.0}, {3}, kDevice), dtype));
      CHECK(x.grad().to_vector<double>() == std::vector<double>{0.5, -4.0, 2.0});
    }
    check_gradients([](const Tensors& in) { return cast(in[0], DType::f64) * in[0]; }, {random_tensor({3}, 260)});
    Tensor x = Tensor::from(values, {3}, kDevice);
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
                      Tensor::from(std::vector<double>{6, 8, 5}, {3}, kDevice)) ==
          std::vector<double>{0, 2, 2, 2, 2, 2, 2, 2, 0, 5, 0, 0});
    CHECK(gradient_of([](const Tensor& t) { return max(t); }, matrix({4, 4, 1, 4}, 2, 2),
                      Tensor::full({}, 3.0, DType::f64, kDevice)) == std::vector<double>{1, 1, 0, 1});
  }

  TEST_CASE("layout") {
    const Tensor x = random_tensor({2, 3, 4}, 400);
    check_gradients([](const Tensors& in) { return reshape(in[0], {4, -1}); }, {x});
    check_gradients([](const Tensors& in) { return flatten(in[0]); }, {x});
    for (const std::vector<int>& axes : {std::vector<int>{0, 1, 2}, {2, 0, 1}, {1, 2, 0}, {0, 2, 1}, {2, 1, 0}})
      check_gradients([&](const Tensors& in) { return permute(in[0], axes); }, {x});
    check_gradients([](const Tensors& in) { return transpose(in[0]); }, {random_tensor({3, 5}, 401)});
    for (const int axis : {0, 1, -1}) {
      check_gradients([&](const Tensors& in) { return slice(in[0], axis, 0, 1); }, {x});
      check_gradients([&](const Tensors& in) { return slice(in[0], axis, 1, in[0].dim(axis) - 1); }, {x});
    }
    check_gradients([](const Tensors& in) { return broadcast_to(in[0], {5, 2, 3, 4}); }, {x});
    check_gradients([](const Tensors& in) { return broadcast_to(in[0], {3, 4}); }, {random_tensor({}, 402)});
    check_gradients([](const Tensors& in) { return broadcast_to(in[0], {2, 3, 4}); }, {random_tensor({3, 1}, 403)});
  }

  TEST_CASE("concatenate") {
    for (const int axis : {0, 1, 2, -1}) {
      Tensors parts;
      for (const int64_t length : {2, 1, 3}) {
        Shape shape{2, 3, 4};
        shape[axis] = length;
        parts.push_back(random_tensor(shape, 410 + static_cast<uint32_t>(length)));
      }
      check_gradients([&](const Tensors& in) { return concatenate(in, axis); }, parts);
    }
    check_gradients(
        [](const Tensors& in) {
          return concatenate({in[0], in[0], in[1]}, 0);
        },
        {random_tensor({2, 2}, 420), random_tensor({1, 2}, 421)});
  }

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

  TEST_CASE("gather with labels that repeat") {
    const Tensor labels = integers({2, 0, 2, 2, 1}, {5});
    const Tensor x = random_tensor({5, 3}, 610);
    check_gradients([](const Tensors& in) { return gather(in[0], in[1]); }, {x, labels});
    check_gradients([](const Tensors& in) { return gather(log_softmax(in[0]), in[1]); }, {x, labels});
    check_gradients([](const Tensors& in) { return matmul(transpose(in[0]), one_hot(in[1], 3, DType::f64)); },
                    {x, labels});
  }

  TEST_CASE("embedding with indices that repeat and rows never used") {
    const Tensor table = random_tensor({6, 3}, 620);
    check_gradients([](const Tensors& in) { return embedding(in[0], in[1]); }, {table, integers({5, 0, 5, 2}, {4})});
    check_gradients([](const Tensors& in) { return embedding(in[0], in[1]); },
                    {table, integers({1, 1, 1, 4, 0, 1}, {2, 3})});
    check_gradients([](const Tensors& in) { return embedding(in[0], in[1]); }, {table, integers({3}, {})});
  }

  TEST_CASE("convolution") {
    struct Case {
      Shape x, w;
      Conv2dParams params;
    };
    const std::vector<Case> cases = {
        {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
        {{2, 5, 6, 3}, {4, 3, 3, 3}, {}},
        {{2, 5, 6, 3}, {4, 3, 3, 3}, {.pad_h = 1, .pad_w = 1}},
        {{2, 7, 5, 2}, {3, 3, 2, 2}, {.stride_h = 2, .stride_w = 3, .pad_h = 1, .pad_w = 0}},
        {{1, 8, 9, 2}, {2, 3, 3, 2}, {.pad_h = 2, .pad_w = 1, .dilation_h = 2, .dilation_w = 3}},
        {{1, 8, 7, 1}, {2, 2, 3, 1}, {.stride_h = 3, .stride_w = 2, .pad_h = 3, .pad_w = 4, .dilation_w = 2}},
        {{3, 1, 9, 4}, {5, 1, 4, 4}, {}},                              // a word convolution
        {{2, 6, 6, 3}, {2, 1, 1, 3}, {.stride_h = 2, .stride_w = 2}},  // the last row and column are never seen
    };
    uint32_t index = 700;
    for (const Case& c : cases) {
      for (const Activation activation : {Activation::none, Activation::relu}) {
        CAPTURE(c.x);
        CAPTURE(c.w);
        Conv2dParams params = c.params;
        params.activation = activation;
        const Tensor x = random_tensor(c.x, index++), w = random_tensor(c.w, index++);
        const Tensor b = random_tensor({c.w[0]}, index++);
        check_gradients([&](const Tensors& in) { return conv2d(in[0], in[1], in[2], params); }, {x, w, b});
        check_gradients([&](const Tensors& in) { return conv2d(in[0], in[1], {}, params); }, {x, w});
      }
    }
  }

  TEST_CASE("pooling over windows") {
    struct Case {
      Shape x;
      Pool2dParams params;
    };
    const std::vector<Case> cases = {
        {{2, 4, 6, 3}, {.kernel_h = 2, .kernel_w = 2, .stride_h = 2, .stride_w = 2}},
        {{1, 7, 5, 2}, {.kernel_h = 3, .kernel_w = 2, .stride_h = 2, .stride_w = 1}},
        {{2, 5, 5, 1}, {.kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .pad_h = 1, .pad_w = 1}},
        {{1, 5, 7, 2}, {.kernel_h = 2, .kernel_w = 5, .stride_h = 1, .stride_w = 3, .pad_h = 1, .pad_w = 2}},
        {{2, 1, 9, 3}, {.kernel_h = 1, .kernel_w = 9}},  // over a whole text
        {{1, 3, 3, 2}, {.stride_h = 2, .stride_w = 2}},
    };
    uint32_t index = 800;
    for (const Case& c : cases) {
      CAPTURE(c.x);
      const Tensor x = random_tensor(c.x, index++);
      for (const PoolKind kind : {PoolKind::max, PoolKind::average}) {
        for (const bool count_include_pad : {true, false}) {
          Pool2dParams params = c.params;
          params.kind = kind;
          params.count_include_pad = count_include_pad;
          check_gradients([&](const Tensors& in) { return pool2d(in[0], params); }, {x});
        }
      }
    }
    const Tensor x = random_tensor({2, 6, 6, 2}, 850);
    check_gradients([](const Tensors& in) { return max_pool2d(in[0], 2); }, {x});
    check_gradients([](const Tensors& in) { return max_pool2d(in[0], 3, 2, 1); }, {x});
    check_gradients([](const Tensors& in) { return avg_pool2d(in[0], 3, 1, 1, false); }, {x});
  }

  TEST_CASE("a ReLU fused with max pooling is a ReLU before it and after it") {
    const Tensor x = random_tensor({2, 5, 6, 3}, 870);
    const auto fused = [](const Tensors& in) { return max_pool2d(in[0], 2, 2, 0, Activation::relu); };
    check_gradients(fused, {x});
    const auto run = [&](const auto& f) {
      Tensor leaf = x.clone();
      leaf.set_requires_grad(true);
      const Tensor y = f({leaf});
      backward(y, random_tensor(y.shape(), 871));
      return std::pair{y.template to_vector<double>(), leaf.grad().template to_vector<double>()};
    };
    const auto expected = run(fused);
    CHECK(expected == run([](const Tensors& in) { return max_pool2d(relu(in[0]), 2); }));
    CHECK(expected == run([](const Tensors& in) { return relu(max_pool2d(in[0], 2)); }));
    Pool2dParams average{.kind = PoolKind::average, .activation = Activation::relu};
    CHECK_THROWS_AS(pool2d(x, average), Error);
  }

  TEST_CASE("adaptive pooling with extents that divide and that do not") {
    const Tensor x = random_tensor({2, 7, 5, 3}, 860);
    for (const auto& [h, w] : {std::pair{1, 1}, {7, 5}, {3, 2}, {4, 4}, {9, 6}}) {
      CAPTURE(h);
      check_gradients([&](const Tensors& in) { return adaptive_max_pool2d(in[0], h, w); }, {x});
      check_gradients([&](const Tensors& in) { return adaptive_avg_pool2d(in[0], h, w); }, {x});
    }
  }

  TEST_CASE("batch norm in training and evaluation") {
    uint32_t index = 900;
    for (const Shape& shape : {Shape{5, 3}, Shape{2, 1}, Shape{2, 3, 4, 3}}) {
      const Shape channels{shape[-1]};
      const Tensor x = random_tensor(shape, index++), scale = random_tensor(channels, index++, 0.5, 1.5);
      const Tensor shift = random_tensor(channels, index++);
      const Tensor mean_before = random_tensor(channels, index++);
      const Tensor variance_before = random_tensor(channels, index++, 0.5, 2.0);
      const Tensor residual = random_tensor(shape, index++);
      for (const bool training : {true, false}) {
        for (const Activation activation : {Activation::none, Activation::relu}) {
          CAPTURE(shape);
          CAPTURE(training);
          const BatchNormParams params{.training = training, .epsilon = 1e-3, .activation = activation};
          const auto norm = [&](const Tensors& in) {
            return batch_norm(in[0], in[1], in[2], mean_before.clone(), variance_before.clone(), params, in[3]);
          };
          check_gradients(norm, {x, scale, shift, {}});
          check_gradients(norm, {x, scale, shift, residual});
          check_gradients([&](const Tensors& in) { return norm({in[0], scale, shift, in[0]}); }, {x});
        }
      }
    }
  }

  TEST_CASE("dropout keeps the same elements in its gradient") {
    const RandomKey key{.seed = 3, .purpose = Purpose::dropout};
    const Tensor x = random_tensor({4, 9}, 950);
    for (const double p : {0.0, 0.3, 0.9})
      check_gradients([&](const Tensors& in) { return dropout(in[0], p, key); }, {x});
    const Tensor ones = Tensor::full({1000}, 1.0, DType::f64, kDevice);
    const std::vector<double> y = dropout(ones, 0.25, key).to_vector<double>();
    CHECK(gradient_of([&](const Tensor& t) { return dropout(t, 0.25, key); }, ones, ones) == y);
    CHECK(std::abs(static_cast<double>(std::count(y.begin(), y.end(), 0.0)) - 250.0) < 50.0);
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
    check_close(gradient_of([](const Tensor& u) { return log_abs_det(u); }, matrix({1, 2, 3, 4}, 2, 2)),
                {-2.0, 1.5, 1.0, -0.5}, 1e-13);
    check_close(gradient_of([](const Tensor& u) { return log_abs_det(u, 2.0); }, matrix({1, 2, 3, 4}, 2, 2)),
                {-1.0, 0.75, 0.5, -0.25}, 1e-13);
    check_close(gradient_of([](const Tensor& u) { return log_abs_det(u, 0.5); }, matrix({1, 0.5, 1, 1}, 2, 2)),
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
    check_close(grad, {0.0, -250.0 * sign, 0.0, 250.0 * sign}, 1e-9);
    // Within 1e-12 of a singular matrix LU's inverse has lost every digit that counts; the cofactors have not.
    check_close(
        gradient_of([](const Tensor& u) { return log_abs_det(u, 1e-3); }, matrix({1.0, 2.0, 2.0, 4.0 + 0x1p-40}, 2, 2)),
        {4000.0, -2000.0, -2000.0, 1000.0}, 1e-8);
    // Two absent classes of three: every cofactor is 0.
    check_close(gradient_of([](const Tensor& u) { return log_abs_det(u, 1e-3); },
                            matrix({0.5, 0, 0, 0.25, 0, 0, 0.25, 0, 0}, 3, 3)),
                std::vector<double>(9, 0.0), 1e-12);
  }
}

}  // namespace cofactor
