#include "data/noise/labelled_predictions.h"

#include <doctest/doctest.h>

#include <vector>

#include "tests/fixtures/errors.h"
#include "tests/fixtures/numbers.h"

namespace cofactor::testing {

namespace {

std::string refusal_of(const std::vector<float>& probabilities, const std::vector<int32_t>& labels, int64_t classes) {
  return error_of([&] { check_predictions("judge", {probabilities, labels, classes}); });
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("label errors: predictions that cannot be judged are errors with the row") {
    CHECK(refusal_of({0.5f, 0.5f, 0.9f, 0.1f}, {0, kMissingLabel}, 2).empty());
    CHECK(refusal_of({0.5f, 0.4995f}, {0}, 2).empty());
    CHECK(refusal_of({0.5f, 0.5f, 0.9f, 0.2f}, {0, 1}, 2) == "judge: row 1: the probabilities sum to 1.1, expected 1");
    CHECK(refusal_of({0.5f, 0.5f, static_cast<float>(kNan), 0.2f}, {0, 1}, 2) ==
          "judge: row 1: the probability of class 0 is nan, expected 0 to 1");
    CHECK(refusal_of({1.5f, -0.5f}, {0}, 2) == "judge: row 0: the probability of class 0 is 1.5, expected 0 to 1");
    CHECK(refusal_of({0.5f, 0.5f}, {2}, 2) ==
          "judge: row 0: the label is 2, expected 0 to 1, or -1 where it is missing");
    CHECK(refusal_of({0.5f, 0.5f}, {-2}, 2) ==
          "judge: row 0: the label is -2, expected 0 to 1, or -1 where it is missing");
    CHECK(refusal_of({0.5f, 0.5f, 1.0f}, {0}, 2) == "judge: 3 probabilities for 1 labels, 2 classes take 2 for each");
    CHECK(refusal_of({0.5f, 0.5f}, {kMissingLabel}, 2) == "judge: none of 1 samples has a label");
    CHECK(refusal_of({}, {}, 2) == "judge: none of 0 samples has a label");
    CHECK(refusal_of({}, {}, 0) == "judge: 0 classes, expected at least 1");
  }
}

}  // namespace cofactor::testing
