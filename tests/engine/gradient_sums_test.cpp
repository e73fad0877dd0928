// Gradients that are added where they are, gradients in bf16 of f32 tensors, and copies of parameters in bf16.
#include <doctest/doctest.h>

#include "engine/autograd.h"
#include "engine/backend.h"
#include "engine/compute_copies.h"
#include "engine/ops/conv.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/matmul.h"
#include "engine/ops/reduce.h"
#include "tests/gradient_check.h"

namespace cofactor::testing {

namespace {

using Doubles = std::vector<double>;

// 3 x, whose vjp adds to the sum that is there, and counts how often there is one.
Tensor triple(const Tensor& x, int& added) {
  const Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  x.backend().unary(op_of<MulScalarOp>, x, 3.0, y);
  return record(y, "triple", {x}, [&added](const Tensor& grad, GradientSums& sums) -> std::vector<Tensor> {
    const Tensor own = Tensor::empty(grad.shape(), grad.dtype(), grad.device());
    grad.backend().unary(op_of<MulScalarOp>, grad, 3.0, own);
    const Tensor sum = sums.unshared(0);
    if (!sum.defined()) return {own};
    sum.backend().binary(op_of<AddOp>, sum, own, sum);
    sums.added(0);
    ++added;
    return {sum};
  });
}

Tensor leaf(const Doubles& values) {
  Tensor x = Tensor::from(values, {static_cast<int64_t>(values.size())}, kHost);
  x.set_requires_grad(true);
  return x;
}

// An op of f32 x whose gradient is bf16, as the device of a convolution may give it: y = x.
Tensor narrow_identity(const Tensor& x) {
  return record(x.clone(), "narrow", {x}, [](const Tensor& grad) -> std::vector<Tensor> {
    const Tensor narrow = Tensor::empty(grad.shape(), DType::bf16, grad.device());
    grad.backend().cast(grad, narrow);
    return {narrow};
  });
}

Tensor f32_leaf(const std::vector<float>& values) {
  Tensor x = Tensor::from(values, {static_cast<int64_t>(values.size())}, kHost);
  x.set_requires_grad(true);
  return x;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("a vjp that adds to the sum that is there gives what a separate addition gives") {
    int added = 0;
    for (const bool first : {true, false}) {
      const Tensor x = leaf({1, -2, 5});
      const Tensor y = first ? triple(x, added) + x * x : x * x + triple(x, added);
      backward(sum(y * y));  // 2 y (2 x + 3) with y = x^2 + 3 x
      CHECK(x.grad().to_vector<double>() == Doubles{40, 4, 1040});
    }
    CHECK(added == 1);  // in one of the two orders
  }

  TEST_CASE("a vjp is not given a sum whose storage others hold") {
    int added = 0;
    const Tensor x = leaf({1, -2});
    // The addition hands one tensor to both of its operands: the sum of x is also the gradient of triple(x).
    for (const bool first : {true, false}) {
      x.set_grad({});
      const Tensor tripled = triple(x, added);
      backward(sum(first ? tripled + x : x + tripled));
      CHECK(x.grad().to_vector<double>() == Doubles{4, 4});
    }
    CHECK(added == 0);
  }

  TEST_CASE("an f32 leaf keeps one bf16 gradient and adds several in f32") {
    const Tensor x = f32_leaf({1.0f, 2.0f});
    const Tensor seed = Tensor::from(std::vector<float>{1.0f, 1.0f + 1.0f / 128}, {2}, kHost);
    backward(narrow_identity(x), seed);
    CHECK(x.grad().dtype() == DType::bf16);
    backward(narrow_identity(x), Tensor::from(std::vector<float>{1.0f / 256, 1.0f / 256}, {2}, kHost));
    REQUIRE(x.grad().dtype() == DType::f32);  // bf16 would round the sum
    CHECK(x.grad().to_vector<float>() == std::vector<float>{1.0f + 1.0f / 256, 1.0f + 3.0f / 256});
  }

  TEST_CASE("a bf16 gradient of an f32 tensor that is no leaf is widened on the tape") {
    const Tensor x = f32_leaf({1.0f, -2.0f});
    backward(sum(narrow_identity(x * x)));
    CHECK(x.grad().to_vector<float>() == std::vector<float>{2.0f, -4.0f});
  }

  TEST_CASE("compute copies: ops take them while they live and an inner object makes none") {
    Tensor w = Tensor::from(random_values<float>(2 * 3 * 3 * 3, 1), {2, 3, 3, 3}, kHost);
    const Tensor other = Tensor::from(random_values<float>(12, 2), {4, 3}, kHost);
    const Tensor x = cast(Tensor::from(random_values<float>(3 * 25, 3), {1, 5, 5, 3}, kHost), DType::bf16);
    const auto values = [&] { return cast(conv2d(x, w, {}), DType::f32).to_vector<float>(); };
    const std::vector<float> expected = values();
    CHECK(!ComputeCopies::active());
    CHECK(!ComputeCopies::find(w, DType::bf16).defined());
    {
      const ComputeCopies copies({w, cast(other, DType::bf16)}, DType::bf16);
      CHECK(ComputeCopies::active());
      const Tensor copy = ComputeCopies::find(w, DType::bf16);
      REQUIRE(copy.defined());
      CHECK(copy.dtype() == DType::bf16);
      CHECK(!ComputeCopies::find(w, DType::f64).defined());
      CHECK(!ComputeCopies::find(w.view({54}), DType::bf16).defined());
      CHECK(values() == expected);
      copy.backend().fill(copy, 0.0);
      CHECK(values() == std::vector<float>(expected.size(), 0.0f));
      {
        const ComputeCopies inner({w, other}, DType::bf16);
        CHECK(!ComputeCopies::find(other, DType::bf16).defined());
      }
      CHECK(ComputeCopies::find(w, DType::bf16).defined());
    }
    CHECK(!ComputeCopies::active());
    CHECK(values() == expected);
  }
}

}  // namespace cofactor::testing
