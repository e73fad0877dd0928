#include "data/noise/synthetic.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "tests/data/sets/idx_files.h"

namespace cofactor::testing {

namespace {

const RandomKey kKey{7, Purpose::labels, 0, 0};

std::vector<int64_t> first_positions(size_t count) {
  std::vector<int64_t> positions(count);
  std::iota(positions.begin(), positions.end(), int64_t{0});
  return positions;
}

// How often each class became each other one, row-major, in `each` draws a class.
std::vector<int64_t> draw_counts(const TransitionMatrix& transition, int64_t each) {
  const int64_t classes = transition.classes();
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < each * classes; ++i) labels.push_back(static_cast<int32_t>(i % classes));
  const auto noisy = apply_noise(transition, labels, first_positions(labels.size()), kKey);
  std::vector<int64_t> counts(static_cast<size_t>(classes * classes));
  for (size_t i = 0; i < labels.size(); ++i) ++counts[static_cast<size_t>(labels[i] * classes + noisy[i])];
  return counts;
}

void check_matrix(const TransitionMatrix& transition, const std::vector<double>& expected) {
  REQUIRE(transition.values().size() == expected.size());
  for (size_t i = 0; i < expected.size(); ++i) CHECK(transition.values()[i] == doctest::Approx(expected[i]));
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("the noises are the matrices of their formulas") {
    check_matrix(TransitionMatrix::identity(2), {1, 0, 0, 1});
    check_matrix(uniform_noise(2, 0.6), {0.7, 0.3, 0.3, 0.7});
    check_matrix(uniform_noise(4, 1.0), std::vector<double>(16, 0.25));
    check_matrix(symmetric_noise(3, 0.6), {0.4, 0.3, 0.3, 0.3, 0.4, 0.3, 0.3, 0.3, 0.4});
    check_matrix(flip_noise(3, {{0, 2}, {2, 1}}, 0.25), {0.75, 0, 0.25, 0, 1, 0, 0, 0.25, 0.75});
    for (const double rate : {0.0, 0.1, 0.3, 0.7, 0.9, 1.0}) {  // their rows pass the constructor's test
      CHECK_NOTHROW(TransitionMatrix(10, uniform_noise(10, rate).values()));
      CHECK_NOTHROW(TransitionMatrix(10, symmetric_noise(10, rate).values()));
    }
  }

  TEST_CASE("the determinant of a transition matrix") {
    CHECK(TransitionMatrix::identity(5).determinant() == 1.0);
    CHECK(uniform_noise(2, 0.6).determinant() == doctest::Approx(0.4));
    CHECK(uniform_noise(10, 0.3).determinant() == doctest::Approx(std::pow(0.7, 9)));
    CHECK(uniform_noise(3, 1.0).determinant() == doctest::Approx(0.0));
    CHECK(flip_noise(2, {{0, 1}}, 1.0).determinant() == 0.0);
    // A permutation needs row exchanges: the 3-cycle is even, the exchange of two classes odd.
    CHECK(TransitionMatrix(3, {0, 1, 0, 0, 0, 1, 1, 0, 0}).determinant() == 1.0);
    CHECK(TransitionMatrix(2, {0, 1, 1, 0}).determinant() == -1.0);
    // Along the first row.
    CHECK(TransitionMatrix(3, {0.5, 0.3, 0.2, 0.2, 0.6, 0.2, 0.25, 0.25, 0.5}).determinant() ==
          doctest::Approx(0.5 * (0.30 - 0.05) - 0.3 * (0.10 - 0.05) + 0.2 * (0.05 - 0.15)));
  }

  TEST_CASE("what is no transition matrix or no rate is an error that names the value") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK(error_of([] {
            TransitionMatrix(2, {1, 0, 0});
          }) == "noise: 3 values are not a transition matrix of 2 classes");
    CHECK(error_of([] { TransitionMatrix(0, {}); }) == "noise: 0 is not a number of classes");
    CHECK(error_of([] { TransitionMatrix::identity(-1); }) == "noise: -1 is not a number of classes");
    CHECK(error_of([] {
            TransitionMatrix(2, {1, 0, 0.5, 0.25});
          }) == "noise: row 1 of the transition matrix sums to 0.75, not to 1");
    CHECK(error_of([] { TransitionMatrix(2, {1.5, -0.5, 0, 1}); }) == "noise: T(0, 0) is 1.5, not a probability");
    CHECK(error_of([&] { TransitionMatrix(2, {1, 0, nan, 1}); }) == "noise: T(1, 0) is nan, not a probability");
    for (const double rate : {-0.1, 1.5, nan, std::numeric_limits<double>::infinity()}) {
      const std::string message = fmt::format("noise: the rate {} does not lie in [0, 1]", rate);
      CHECK(error_of([&] { uniform_noise(2, rate); }) == message);
      CHECK(error_of([&] { symmetric_noise(2, rate); }) == message);
      CHECK(error_of([&] { flip_noise(2, {{0, 1}}, rate); }) == message);
    }
    CHECK_THROWS_AS(symmetric_noise(1, 0.1), Error);
    CHECK(error_of([] {
            flip_noise(2, {{0, 2}}, 0.1);
          }) == "noise: a flip from class 0 to class 2 does not fit 2 classes");
    CHECK_THROWS_AS(flip_noise(2, {{-1, 1}}, 0.1), Error);
    CHECK_THROWS_AS(flip_noise(2, {{1, 1}}, 0.1), Error);
    CHECK(error_of([] { flip_noise(3, {{0, 1}, {0, 2}}, 0.1); }) == "noise: class 0 is flipped twice");
  }

  TEST_CASE("noisy labels follow the matrix") {
    // Pearson's statistic over the cells of positive probability; its degrees of freedom are those cells less one a
    // row. The bounds are the 99.9% quantiles; the draws are fixed by the seed.
    struct Case {
      TransitionMatrix transition;
      double bound;
    };
    const std::vector<Case> cases = {
        {uniform_noise(2, 0.3), 13.8},                                            // 2
        {flip_noise(2, {{0, 1}}, 0.8), 10.8},                                     // 1
        {TransitionMatrix(3, {0.5, 0, 0.5, 0.125, 0.25, 0.625, 0, 0, 1}), 16.3},  // 3
        {symmetric_noise(10, 0.4), 137.2},                                        // 90
    };
    constexpr int64_t kEach = 50'000;
    for (const auto& [transition, bound] : cases) {
      const auto counts = draw_counts(transition, kEach);
      double statistic = 0.0;
      for (size_t i = 0; i < counts.size(); ++i) {
        const double expected = transition.values()[i] * static_cast<double>(kEach);
        if (transition.values()[i] == 0.0) {
          CHECK(counts[i] == 0);
        } else {
          statistic += std::pow(static_cast<double>(counts[i]) - expected, 2) / expected;
        }
      }
      CAPTURE(transition.classes());
      CHECK(statistic < bound);
      CHECK(statistic > 1e-4);  // draws, not quotas (rows without a choice add 0)
    }
  }

  TEST_CASE("a class of probability 0 is never drawn wherever it stands and however the row's sum rounds") {
    // Ten times 0.1 sums to less than 1; the row's sum may be off by up to 1e-6.
    std::vector<double> row(13, 0.1);
    row[0] = row[6] = row[12] = 0.0;
    std::vector<double> low = row;
    std::vector<double> high = row;
    low[11] -= 9e-7;
    high[1] += 9e-7;
    for (const auto& values : {row, low, high}) {
      auto transition = TransitionMatrix::identity(13);
      for (int64_t to = 0; to < 13; ++to) transition.at(0, to) = values[static_cast<size_t>(to)];
      const auto positions = first_positions(300'000);
      std::vector<int64_t> counts(13);
      for (int32_t label : apply_noise(transition, std::vector<int32_t>(positions.size()), positions, kKey))
        ++counts[static_cast<size_t>(label)];
      for (size_t c = 0; c < 13; ++c) {
        CAPTURE(c);
        if (row[c] == 0.0) {
          CHECK(counts[c] == 0);
        } else {
          CHECK(std::abs(counts[c] - 30'000) < 700);  // 4.3 standard deviations
        }
      }
    }
  }

  TEST_CASE("a sample's noisy label depends on the key and its position alone") {
    const auto transition = symmetric_noise(5, 0.5);
    const auto positions = first_positions(1000);
    std::vector<int32_t> labels;
    for (int64_t position : positions) labels.push_back(static_cast<int32_t>(position % 5));
    const auto all = apply_noise(transition, labels, positions, kKey);
    CHECK(all != labels);
    CHECK(all == apply_noise(transition, labels, positions, kKey));

    std::vector<int32_t> some_labels;
    std::vector<int64_t> some;
    std::vector<int32_t> expected;
    for (size_t i = 999; i > 400; i -= 3) {
      some.push_back(static_cast<int64_t>(i));
      some_labels.push_back(labels[i]);
      expected.push_back(all[i]);
    }
    CHECK(apply_noise(transition, some_labels, some, kKey) == expected);
    RandomKey other = kKey;
    ++other.seed;
    CHECK(apply_noise(transition, labels, positions, other) != all);
  }

  TEST_CASE("noise with rate 0 changes nothing and flips at rate 1 change all") {
    const std::vector<int32_t> labels = {0, 1, 1, 0, 1};
    CHECK(apply_noise(uniform_noise(2, 0.0), labels, first_positions(5), kKey) == labels);
    CHECK(apply_noise(flip_noise(2, {{0, 1}}, 1.0), labels, first_positions(5), kKey) == std::vector<int32_t>(5, 1));
    CHECK(apply_noise(symmetric_noise(2, 1.0), labels, first_positions(5), kKey) ==
          std::vector<int32_t>{1, 0, 0, 1, 0});
  }

  TEST_CASE("labels and positions that do not fit are errors") {
    auto transition = uniform_noise(2, 0.5);
    CHECK(error_of([&] { apply_noise(transition, {0, 1}, {0}, kKey); }) == "noise: 2 labels but 1 positions");
    CHECK(error_of([&] { apply_noise(transition, {2}, {0}, kKey); }) == "noise: label 2 does not lie in [0, 2)");
    CHECK(error_of([&] { apply_noise(transition, {-1}, {0}, kKey); }) == "noise: label -1 does not lie in [0, 2)");
    CHECK(error_of([&] { apply_noise(transition, {0}, {-3}, kKey); }) == "noise: position -3 is negative");
    transition.at(0, 0) = 0.0;
    CHECK(error_of([&] { apply_noise(transition, {1}, {0}, kKey); }) ==
          "noise: row 0 of the transition matrix sums to 0.25, not to 1");
  }
}

}  // namespace cofactor::testing
