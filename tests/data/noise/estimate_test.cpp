#include "data/noise/estimate.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/fixtures/errors.h"
#include "tests/fixtures/numbers.h"

namespace cofactor::testing {

namespace {

// Logits whose softmax is these rows.
Tensor logits_with_softmax(std::vector<double> p, int64_t classes) {
  for (double& value : p) value = std::log(value);
  return Tensor::from(p, {static_cast<int64_t>(p.size()) / classes, classes}, kHost);
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("rows of an estimated transition matrix are the outputs of the surest samples") {
    // Of class 0 sample 2 is the surest, of class 1 sample 0, of class 2 sample 3.
    const std::vector<double> p{0.1, 0.8, 0.1, 0.4, 0.3, 0.3, 0.6, 0.2, 0.2, 0.3, 0.3, 0.4};
    const Transition t = estimate_transition("fw", logits_with_softmax(p, 3));
    const std::vector<double> expected{0.6, 0.2, 0.2, 0.1, 0.8, 0.1, 0.3, 0.3, 0.4};
    for (size_t i = 0; i < expected.size(); ++i) CHECK(std::abs(t.values()[i] - expected[i]) < 1e-14);
  }

  TEST_CASE("outputs that give no transition matrix are errors that name the caller") {
    const auto refusal = [](const std::vector<double>& p, int64_t classes) {
      return error_of([&] { estimate_transition("fw", logits_with_softmax(p, classes)); });
    };
    CHECK(
        refusal({0.899, 0.1, 0.001, 0.2, 0.799, 0.001}, 3) ==
        "fw: the transition matrix cannot be estimated: none of 2 training samples has a probability of class 2 above "
        "0.001, expected at least 0.003333");
    CHECK(contains(refusal({0.25, 0.75, 0.25, 0.75}, 2), "fw: the transition matrix is singular or nearly so"));
    CHECK(contains(refusal({0.3, 0.7, 0.3001, 0.6999}, 2), "expected at most 1000"));
    CHECK(refusal({0.5, 0.5, kNan, 0.5}, 2) == "fw: the softmax output of sample 1 for class 0 is nan");
    CHECK(error_of([] { estimate_transition("fw", Tensor()); }) ==
          "fw: the training samples' logits have shape undefined, expected (N, C)");
  }
}

}  // namespace cofactor::testing
