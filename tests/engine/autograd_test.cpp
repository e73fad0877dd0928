// The tape: how gradients accumulate, what is freed, and what is refused.
#include "engine/autograd.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/backend.h"
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
#include "tests/fixtures/errors.h"
#include "tests/gradient_check.h"

namespace cofactor {

namespace {

using testing::contains;
using testing::error_of;

using Doubles = std::vector<double>;

Tensor leaf(const Doubles& values) {
  Tensor result = Tensor::from(values, {static_cast<int64_t>(values.size())}, kHost);
  result.set_requires_grad(true);
  return result;
}

Tensor scalar_leaf(double value) {
  Tensor result = Tensor::full({}, value, DType::f64, kHost);
  result.set_requires_grad(true);
  return result;
}

Doubles grad_of(const Tensor& x) {
  return x.grad().to_vector<double>();
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("a tensor used several times collects the sum of its gradients") {
    const Tensor x = leaf({2, -3});
    backward(sum(x * x + 4.0 * x + x));  // 2 x + 5
    CHECK(grad_of(x) == Doubles{9, -1});
  }

  TEST_CASE("a diamond passes each node once with both gradients") {
    const Tensor x = scalar_leaf(3.0);
    const Tensor middle = x * x;           // 9
    const Tensor left = 2.0 * middle;      // 18
    const Tensor right = middle * middle;  // 81
    backward(left * right + middle);       // 2 x^6 + x^2, whose derivative is 12 x^5 + 2 x
    CHECK(x.grad().item() == 12.0 * 243.0 + 6.0);
  }

  TEST_CASE("a chain of diamonds costs one pass not one a path") {
    const Tensor x = scalar_leaf(1.0);
    Tensor y = x;
    for (int i = 0; i < 60; ++i) y = 0.5 * y + 0.5 * y;  // 2^60 paths
    backward(y);
    CHECK(x.grad().item() == 1.0);
  }

  TEST_CASE("gradients of two backward calls add up in the leaves") {
    const Tensor x = leaf({1, 2});
    backward(sum(x * x));
    const Tensor after_first = x.grad();
    backward(sum(3.0 * x));
    CHECK(grad_of(x) == Doubles{5, 7});
    CHECK(after_first.to_vector<double>() == Doubles{2, 4});  // a gradient that someone holds does not change
    x.set_grad({});
    backward(sum(3.0 * x));
    CHECK(grad_of(x) == Doubles{3, 3});
  }

  TEST_CASE("a leaf that is its own output gets the seed") {
    const Tensor x = leaf({1, 2});
    backward(x, Tensor::from(Doubles{5, 6}, {2}, kHost));
    CHECK(grad_of(x) == Doubles{5, 6});
  }

  TEST_CASE("an output of any shape needs a seed of its shape and dtype") {
    const Tensor x = leaf({1, 2, 3});
    const Tensor y = x * x;
    CHECK(contains(error_of([&] { backward(y); }), "(3)"));
    CHECK(contains(error_of([&] { backward(y, Tensor::zeros({2}, DType::f64, kHost)); }), "(2)"));
    CHECK(contains(error_of([&] { backward(y, Tensor::zeros({3}, DType::f32, kHost)); }), "f32"));
    backward(y, Tensor::from(Doubles{1, 0, -1}, {3}, kHost));
    CHECK(grad_of(x) == Doubles{2, 0, -6});
  }

  TEST_CASE("backward of what tracks no gradient is an error") {
    CHECK(error_of([] { backward(Tensor::zeros({}, DType::f64, kHost)); }).starts_with("backward"));
    CHECK(error_of([] { backward({}); }).starts_with("backward"));
  }

  TEST_CASE("a second backward through a freed graph names the op that it meets") {
    const Tensor x = scalar_leaf(2.0);
    const Tensor shared = exp(x);
    const Tensor y = shared * x, z = tanh(shared);
    backward(y);
    CHECK(contains(error_of([&] { backward(y); }), "mul"));
    CHECK(contains(error_of([&] { backward(z); }), "exp"));
  }

  TEST_CASE("backward frees what the graph has captured") {
    const Tensor x = leaf({1, 2});
    const auto held = std::make_shared<int>(1);
    const std::weak_ptr<int> watch = held;
    const Tensor y = record(Tensor::zeros({2}, DType::f64, kHost), "hold", {x},
                            [held = std::shared_ptr<int>(held)](const Tensor& grad) -> std::vector<Tensor> {
                              return {static_cast<double>(*held) * grad};
                            });
    const long uses = watch.use_count();
    CHECK(uses == 2);
    backward(sum(y));
    CHECK(watch.use_count() == 1);
    CHECK(y.requires_grad());
  }

  TEST_CASE("no op keeps its own output alive") {
    const Backend& backend = backend_of(kHost);
    const auto random = [](const Shape& shape, uint32_t index) {
      Tensor x = testing::random_tensor(shape, index, 0.5, 1.5);
      x.set_requires_grad(true);
      return x;
    };
    const Tensor image = random({2, 4, 4, 3}, 1), w = random({2, 3, 3, 3}, 2), bias = random({2}, 3);
    const Tensor scale = random({3}, 4), shift = random({3}, 5), square = random({3, 3}, 6), rows = random({4, 3}, 7);
    const Tensor mean_before = Tensor::zeros({3}, DType::f64, kHost);
    const Tensor variance_before = Tensor::full({3}, 1.0, DType::f64, kHost);
    const Tensor labels = Tensor::from(std::vector<int32_t>{0, 2, 1, 1}, {4}, kHost);
    const std::vector<std::function<Tensor()>> calls = {
        [&] { return square + square; },
        [&] { return square - scale; },
        [&] { return square * scale; },
        [&] { return square / scale; },
        [&] { return exp(log(sqrt(abs(neg(square))))); },
        [&] { return pow(sigmoid(tanh(relu(square))), 2.0); },
        [&] { return cast(cast(square, DType::f32), DType::f64); },
        [&] { return max(square, {1}) + mean(square) + sum(square, {0}); },
        [&] {
          return concatenate({slice(square, 0, 1, 2), reshape(transpose(square), {3, 3})}, 0);
        },
        [&] {
          return linear(matmul(rows, square), square, scale) + broadcast_to(shift, {4, 3});
        },
        [&] { return softmax(rows) + log_softmax(rows); },
        [&] { return gather(rows, labels); },
        [&] { return embedding(rows, labels); },
        [&] { return dropout(rows, 0.5, {.seed = 1}); },
        [&] { return conv2d(image, w, bias, {.pad_h = 1, .pad_w = 1, .activation = Activation::relu}); },
        [&] { return max_pool2d(image, 2); },
        [&] { return adaptive_avg_pool2d(image, 3, 3); },
        [&] { return batch_norm(image, scale, shift, mean_before, variance_before, {.activation = Activation::relu}); },
        [&] { return log_abs_det(square) + log_abs_det(square, 1e-3); },
    };
    for (size_t i = 0; i < calls.size(); ++i) {
      CAPTURE(i);
      const size_t before = backend.memory_stats().in_use;
      {
        const Tensor y = calls[i]();
        CHECK(y.requires_grad());
        CHECK(backend.memory_stats().in_use > before);
      }
      CHECK(backend.memory_stats().in_use == before);
    }
  }

  TEST_CASE("a chain of 200000 ops overflows neither in backward nor when it is destroyed") {
    constexpr int kLength = 200000;
    const Tensor x = scalar_leaf(1.0);
    Tensor y = x;
    for (int i = 0; i < kLength; ++i) y = y + 1.0;
    CHECK(y.item() == kLength + 1.0);
    backward(y);
    CHECK(x.grad().item() == 1.0);

    const size_t before = backend_of(kHost).memory_stats().in_use;
    y = x * x;
    for (int i = 0; i < kLength; ++i) y = y * x;  // each node keeps tensors
    CHECK(backend_of(kHost).memory_stats().in_use > before);
    y = Tensor();  // destroyed without a backward
    CHECK(backend_of(kHost).memory_stats().in_use < before);
  }

  TEST_CASE("broadcast operands get gradients of their own shapes") {
    const Tensor row = leaf({1, 2, 3});
    Tensor column = Tensor::from(Doubles{10, 20}, {2, 1}, kHost), scalar = Tensor::full({}, 2.0, DType::f64, kHost);
    column.set_requires_grad(true);
    scalar.set_requires_grad(true);
    backward(sum((row + column) * scalar));
    CHECK(row.grad().shape() == Shape{3});
    CHECK(grad_of(row) == Doubles{4, 4, 4});
    CHECK(column.grad().shape() == Shape{2, 1});
    CHECK(grad_of(column) == Doubles{6, 6});
    CHECK(scalar.grad().shape() == Shape{});
    CHECK(scalar.grad().item() == 2 * (1 + 2 + 3) + 3 * (10 + 20));
  }

  TEST_CASE("inputs that track no gradient get none") {
    const Tensor x = leaf({1, 2});
    const Tensor constant = Tensor::from(Doubles{3, 4}, {2}, kHost);
    backward(sum(x * constant + constant * constant));
    CHECK(grad_of(x) == Doubles{3, 4});
    CHECK_FALSE(constant.grad().defined());
    CHECK_FALSE((constant * constant).requires_grad());
    CHECK_FALSE((x.detach() * constant).requires_grad());
  }

  TEST_CASE("nothing is recorded while a NoGrad lives in its thread alone") {
    const Tensor x = leaf({1, 2});
    CHECK(grad_enabled());
    {
      const NoGrad outer;
      CHECK_FALSE(grad_enabled());
      {
        const NoGrad inner;
        CHECK_FALSE((x * x).requires_grad());
      }
      CHECK_FALSE(grad_enabled());
      CHECK_FALSE((x * x).requires_grad());
      CHECK(x.requires_grad());
      bool other_thread = false;
      std::thread([&] { other_thread = grad_enabled() && (x * x).requires_grad(); }).join();
      CHECK(other_thread);
    }
    CHECK(grad_enabled());
    CHECK((x * x).requires_grad());
  }

  TEST_CASE("gradient tracking is off inside a vjp and on again after an error in one") {
    const Tensor x = leaf({1, 2});
    bool tracked_inside = true;
    backward(
        sum(record(Tensor::zeros({2}, DType::f64, kHost), "probe", {x}, [&](const Tensor& grad) -> std::vector<Tensor> {
          tracked_inside = grad_enabled();
          return {grad};
        })));
    CHECK_FALSE(tracked_inside);
    const Tensor failing = record(Tensor::zeros({}, DType::f64, kHost), "failing", {x},
                                  [](const Tensor&) -> std::vector<Tensor> { fail("failing: on purpose"); });
    CHECK(error_of([&] { backward(failing); }) == "failing: on purpose");
    CHECK(grad_enabled());
  }

  TEST_CASE("a vjp that returns the wrong number shape or dtype is an error that names its op") {
    const Tensor x = leaf({1, 2, 3});
    const auto error_from = [&](const std::function<std::vector<Tensor>(const Tensor&)>& vjp) {
      return error_of([&] { backward(sum(record(Tensor::zeros({3}, DType::f64, kHost), "broken", {x}, vjp))); });
    };
    using Grads = std::vector<Tensor>;
    const std::string count = error_from([](const Tensor& grad) -> Grads { return {grad, grad}; });
    CHECK(contains(count, "broken"));
    CHECK(contains(count, "2 gradients for 1 inputs"));
    const std::string shape =
        error_from([](const Tensor&) -> Grads { return {Tensor::zeros({2}, DType::f64, kHost)}; });
    CHECK(contains(shape, "broken"));
    CHECK(contains(shape, "(2)"));
    CHECK(contains(shape, "(3)"));
    const std::string rank = error_from([](const Tensor&) -> Grads { return {Tensor::zeros({}, DType::f64, kHost)}; });
    CHECK(contains(rank, "broken"));
    const std::string dtype = error_from([](const Tensor& grad) -> Grads { return {cast(grad, DType::f32)}; });
    CHECK(contains(dtype, "broken"));
    CHECK(contains(dtype, "f32"));
    CHECK(error_from([](const Tensor&) -> Grads { return {Tensor()}; }).empty());  // no gradient is allowed
  }

  TEST_CASE("who can require a gradient") {
    Tensor labels = Tensor::zeros({3}, DType::i32, kHost);
    CHECK(contains(error_of([&] { labels.set_requires_grad(true); }), "i32"));
    const Tensor x = leaf({1, 2});
    Tensor y = tanh(x);
    CHECK(contains(error_of([&] { y.set_requires_grad(true); }), "tanh"));
    CHECK(contains(error_of([&] { y.set_requires_grad(false); }), "tanh"));
    Tensor frozen = leaf({1, 2});
    frozen.set_requires_grad(false);
    CHECK_FALSE((frozen * frozen).requires_grad());
  }

  TEST_CASE("a leaf that is gone is passed over") {
    const Tensor x = scalar_leaf(2.0);
    Tensor y;
    {
      const Tensor temporary = scalar_leaf(5.0);
      y = x * temporary;
    }
    backward(y);
    CHECK(x.grad().item() == 5.0);
  }

  TEST_CASE("autograd: the tape of a tensor has every node after its inputs and is left as it is") {
    const Tensor x = leaf({1.0, 2.0});
    CHECK(tape_of(x.detach()).empty());
    const Tensor y = sum(x * x + x);
    const auto tape = tape_of(y);
    REQUIRE(tape.size() == 4);  // x, mul, add, sum
    CHECK(tape.front() == x.node());
    CHECK(tape.back() == y.node());
    for (auto node = tape.begin(); node != tape.end(); ++node)
      for (const auto& input : (*node)->inputs) CHECK(std::find(tape.begin(), node, input) != node);
    backward(y);
    CHECK(x.grad().to_vector<double>() == Doubles{3.0, 5.0});
  }
}

}  // namespace cofactor
