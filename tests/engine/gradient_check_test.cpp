// The gradient check itself: what it accepts, what it detects, and what it says.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "tests/engine/gradients.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

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

  TEST_CASE("the gradient check names the input and the element that are wrong with both derivatives") {
    // The gradient with respect to element 3 of the second input is off by 0.5.
    const TensorFunction f = [](const Tensors& in) {
      return record((in[0] * in[1]).detach(), "off", {in[0], in[1]},
                    [a = in[0].detach(), b = in[1].detach()](const Tensor& grad) -> Tensors {
                      std::vector<double> error(4);
                      error[3] = 0.5;
                      return {grad * b, grad * (a + Tensor::from(error, {4}, kHost))};
                    });
    };
    const Tensors inputs{random_tensor({4}, 1), random_tensor({4}, 2)};
    const GradientComparison worst = compare_gradients(f, inputs, {.each_element = true});
    CHECK(worst.input == 1);
    CHECK(worst.element == 3);
    CHECK(worst.error > 0.01);
    CHECK(std::abs(worst.backward - worst.difference) > 0.01);
    const GradientComparison in_directions = compare_gradients(f, inputs);
    CHECK(in_directions.input == 1);
    CHECK(in_directions.element == -1);
    CHECK(in_directions.error > 1e-3);
    CHECK(compare_gradients([](const Tensors& in) { return in[0] * in[1]; }, inputs, {.each_element = true}).error <
          1e-8);
  }

  TEST_CASE("the gradient check refuses what it cannot judge") {
    const Tensor x = random_tensor({3}, 1);
    const TensorFunction twice = [](const Tensors& in) { return 2.0 * in[0]; };
    CHECK(throws_saying("input 0 is f32, expected f64", [&] { gradient_error(twice, {cast(x, DType::f32)}); }));
    CHECK(throws_saying("output is f32, expected f64",
                        [&] { gradient_error([](const Tensors& in) { return cast(in[0], DType::f32); }, {x}); }));
    CHECK(throws_saying("other values while its inputs collect gradients", [&] {
      gradient_error([](const Tensors& in) { return in[0] * (in[0].requires_grad() ? 2.0 : 1.0); }, {x});
    }));
    const TensorFunction from_integers = [](const Tensors& in) { return cast(in[0], DType::f64); };
    CHECK(compare_gradients(from_integers, {integers({1, 2}, {2})}).input == -1);
  }

  TEST_CASE("the gradient check of a layer names the parameter and puts its values back") {
    Tensor w = random_tensor({3}, 1), b = random_tensor({3}, 2);
    w.set_requires_grad(true);
    b.set_requires_grad(true);
    const std::vector<NamedTensor> parameters{{"w", w}, {"b", b}};
    const std::vector<double> before = w.to_vector<double>();
    const auto loss = [&](double factor) {
      return [&, factor] { return sum(square_with_vjp_times(w, 1.0) + square_with_vjp_times(b, factor)); };
    };
    CHECK(compare_gradients(loss(1.0), parameters).error < 1e-7);
    CHECK(w.to_vector<double>() == before);
    CHECK(compare_gradients(loss(1.1), parameters).input == 1);
    CHECK(compare_gradients(loss(1.1), parameters).error > 0.01);
    CHECK(throws_saying("the loss does not depend on b",
                        [&] { compare_gradients([&] { return sum(w * w); }, parameters); }));
    CHECK(throws_saying("x is f64 and does not collect a gradient", [&] {
      compare_gradients([&] { return sum(w); }, {{"x", random_tensor({1}, 3)}});
    }));
  }
}

}  // namespace cofactor::testing
