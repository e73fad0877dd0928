#include "data/noise/synthetic.h"

#include <doctest/doctest.h>

#include <limits>

#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

void check_noise(const Transition& transition, const std::vector<double>& expected) {
  REQUIRE(transition.values().size() == expected.size());
  for (size_t i = 0; i < expected.size(); ++i) CHECK(transition.values()[i] == doctest::Approx(expected[i]));
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("the noises are the matrices of their formulas") {
    check_noise(uniform_noise(2, 0.6), {0.7, 0.3, 0.3, 0.7});
    check_noise(uniform_noise(4, 1.0), std::vector<double>(16, 0.25));
    check_noise(symmetric_noise(3, 0.6), {0.4, 0.3, 0.3, 0.3, 0.4, 0.3, 0.3, 0.3, 0.4});
    check_noise(flip_noise(3, {{0, 2}, {2, 1}}, 0.25), {0.75, 0, 0.25, 0, 1, 0, 0, 0.25, 0.75});
    for (const double rate : {0.0, 0.1, 0.3, 0.7, 0.9, 1.0}) {  // their rows pass the constructor's test
      CHECK_NOTHROW(Transition(10, uniform_noise(10, rate).values()));
      CHECK_NOTHROW(Transition(10, symmetric_noise(10, rate).values()));
    }
  }

  TEST_CASE("what is no rate or no flip is an error that names the value") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    for (const double rate : {-0.1, 1.5, nan, std::numeric_limits<double>::infinity()}) {
      const std::string message = fmt::format("label noise: the rate {} lies outside [0, 1]", rate);
      CHECK(error_of([&] { uniform_noise(2, rate); }) == message);
      CHECK(error_of([&] { symmetric_noise(2, rate); }) == message);
      CHECK(error_of([&] { flip_noise(2, {{0, 1}}, rate); }) == message);
    }
    CHECK_THROWS_AS(symmetric_noise(1, 0.1), Error);
    CHECK(error_of([] {
            flip_noise(2, {{0, 2}}, 0.1);
          }) == "label noise: a flip from class 0 to class 2 does not fit 2 classes");
    CHECK_THROWS_AS(flip_noise(2, {{-1, 1}}, 0.1), Error);
    CHECK_THROWS_AS(flip_noise(2, {{1, 1}}, 0.1), Error);
    CHECK(error_of([] { flip_noise(3, {{0, 1}, {0, 2}}, 0.1); }) == "label noise: class 0 is flipped twice");
  }

  TEST_CASE("noise with rate 0 changes nothing and flips at rate 1 change all") {
    const std::vector<int32_t> labels = {0, 1, 1, 0, 1};
    const std::vector<int64_t> positions = {0, 1, 2, 3, 4};
    const RandomKey key{.seed = 7, .purpose = Purpose::labels};
    CHECK(uniform_noise(2, 0.0).draw_labels(labels, positions, key) == labels);
    CHECK(flip_noise(2, {{0, 1}}, 1.0).draw_labels(labels, positions, key) == std::vector<int32_t>(5, 1));
    CHECK(symmetric_noise(2, 1.0).draw_labels(labels, positions, key) == std::vector<int32_t>{1, 0, 0, 1, 0});
  }
}

}  // namespace cofactor::testing
