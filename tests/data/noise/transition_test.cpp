#include "data/noise/transition.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/noise/synthetic.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/numbers.h"

namespace cofactor::testing {

namespace {

const RandomKey kKey{7, Purpose::labels, 0, 0};

std::vector<int64_t> first_positions(size_t count) {
  std::vector<int64_t> positions(count);
  std::iota(positions.begin(), positions.end(), int64_t{0});
  return positions;
}

// How often each class became each other one, row-major, in `each` draws per class.
std::vector<int64_t> draw_counts(const Transition& transition, int64_t each) {
  const int64_t classes = transition.classes();
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < each * classes; ++i) labels.push_back(static_cast<int32_t>(i % classes));
  const auto noisy = transition.draw_labels(labels, first_positions(labels.size()), kKey);
  std::vector<int64_t> counts(static_cast<size_t>(classes * classes));
  for (size_t i = 0; i < labels.size(); ++i) ++counts[static_cast<size_t>(labels[i] * classes + noisy[i])];
  return counts;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("a transition matrix holds distributions and what is none is refused with its values") {
    const auto refused = [](int64_t classes, const std::vector<double>& values, const std::string& part) {
      const std::string message = error_of([&] { Transition(classes, values); });
      CAPTURE(message);
      CHECK(contains(message, "transition matrix"));
      CHECK(contains(message, part));
    };
    refused(2, {0.5, 0.5, 0.25}, "3 values, 2 classes take 2 x 2");
    refused(0, {}, "0 classes, expected at least 1");
    refused(2, {0.5, 0.5, 0.25, 0.5}, "row 1: the row sums to 0.75, not to 1");
    refused(2, {0.5, 0.5, 0.499998, 0.5}, "row 1: the row sums to 0.999998, not to 1");
    refused(2, {0.5, 0.5, -0.5, 1.5}, "row 1: the entry in column 0 is -0.5, not a probability");
    refused(2, {0.5, 0.5, kNan, 1.0}, "row 1: the entry in column 0 is nan");
    refused(2, {kInfinity, 0.0, 0.0, 1.0}, "row 0: the entry in column 0 is inf");
    CHECK(error_of([] { Transition::identity(-1); }) == "transition matrix: -1 classes, expected at least 1");
    CHECK(Transition(2, {0.25, 0.75, 0.0, 1.0}).at(0, 1) == 0.75);
    CHECK(Transition(2, {0.5, 0.5, 0.4999995, 0.5}).at(1, 0) == 0.4999995);
    CHECK(Transition::identity(2).values() == std::vector<double>{1, 0, 0, 1});
    CHECK(Transition::identity(1).values() == std::vector<double>{1});
  }

  TEST_CASE("a transition matrix from weights has normalised rows") {
    CHECK(Transition::from_weights(2, {1, 3, 0, 2}).values() == std::vector<double>{0.25, 0.75, 0, 1});
    CHECK(Transition::from_weights(2, {0, 0, 1, 5}, 1.0).values() == std::vector<double>{0.5, 0.5, 0.25, 0.75});
    CHECK(throws_saying("row 0: the entry in column 0 is", [] { Transition::from_weights(2, {0, 0, 1, 1}); }));
    CHECK(throws_saying("3 values, 2 classes", [] { Transition::from_weights(2, {1, 1, 1}); }));
  }

  TEST_CASE("a transition matrix as a tensor comes back the same and a broken one is named") {
    const Transition t(2, {0.25, 0.75, 0.1, 0.9});
    CHECK(t.tensor().shape() == Shape{2, 2});
    CHECK(Transition::from_tensor("fw", t.tensor()) == t);
    const auto refusal = [](const Tensor& saved) { return error_of([&] { Transition::from_tensor("fw", saved); }); };
    CHECK(refusal(Tensor::zeros({2, 3}, DType::f64, kHost)) ==
          "fw: the saved transition matrix is (2, 3) in f64, expected (C, C) in f64");
    CHECK(contains(refusal(Tensor::zeros({2, 2}, DType::f32, kHost)), "(2, 2) in f32"));
    CHECK(refusal(Tensor::full({2, 2}, 0.7, DType::f64, kHost)) ==
          "fw: the saved transition matrix, row 0: the row sums to 1.4, not to 1");
  }

  TEST_CASE("the inverse of a transition matrix undoes it and a singular one is an error") {
    for (const int64_t classes : {1, 2, 3, 10}) {
      std::vector<double> weights;
      for (int64_t i = 0; i < classes * classes; ++i)
        weights.push_back(random_uniform(kKey, static_cast<uint64_t>(i)) + (i % (classes + 1) == 0 ? 1.0 : 0.0));
      const Transition t = Transition::from_weights(classes, weights);
      const std::vector<double> inverse = t.inverse("test", 1e9);
      for (int64_t r = 0; r < classes; ++r)
        for (int64_t c = 0; c < classes; ++c) {
          double product = 0.0;
          for (int64_t k = 0; k < classes; ++k) product += t.at(r, k) * inverse[static_cast<size_t>(k * classes + c)];
          CHECK(std::abs(product - (r == c ? 1.0 : 0.0)) < 1e-10);
        }
    }
    const Transition twice(3, {0.5, 0.25, 0.25, 0.0, 1.0, 0.0, 0.5, 0.25, 0.25});
    CHECK_THROWS_WITH_AS(static_cast<void>(twice.inverse("test", 1e12)),
                         doctest::Contains("rows 0 and 2 are most alike, no entry differs by more than 0"), Error);
    const Transition nearly(2, {0.5, 0.5, 0.501, 0.499});
    CHECK_THROWS_WITH_AS(static_cast<void>(nearly.inverse("test", 100.0)),
                         doctest::Contains("amplifies by 1001, expected at most 100"), Error);
    CHECK_NOTHROW(static_cast<void>(nearly.inverse("test", 1e4)));
  }

  TEST_CASE("the determinant of a transition matrix") {
    CHECK(Transition::identity(5).determinant() == 1.0);
    CHECK(uniform_noise(2, 0.6).determinant() == doctest::Approx(0.4));
    CHECK(uniform_noise(10, 0.3).determinant() == doctest::Approx(std::pow(0.7, 9)));
    CHECK(uniform_noise(3, 1.0).determinant() == doctest::Approx(0.0));
    CHECK(flip_noise(2, {{0, 1}}, 1.0).determinant() == 0.0);
    CHECK(flip_noise(2, {{0, 1}}, 1.0).is_singular());
    CHECK(uniform_noise(10, 1.0).is_singular());
    CHECK_FALSE(uniform_noise(10, 0.9).is_singular());  // 1e-9
    CHECK(uniform_noise(10, 0.96).is_singular());       // 2.6e-13
    // A permutation needs row exchanges: the 3-cycle is even, the exchange of two classes odd.
    CHECK(Transition(3, {0, 1, 0, 0, 0, 1, 1, 0, 0}).determinant() == 1.0);
    CHECK(Transition(2, {0, 1, 1, 0}).determinant() == -1.0);
    // Along the first row.
    CHECK(Transition(3, {0.5, 0.3, 0.2, 0.2, 0.6, 0.2, 0.25, 0.25, 0.5}).determinant() ==
          doctest::Approx(0.5 * (0.30 - 0.05) - 0.3 * (0.10 - 0.05) + 0.2 * (0.05 - 0.15)));
  }

  TEST_CASE("noisy labels follow the matrix") {
    // Pearson's statistic over the cells of positive probability; its degrees of freedom are those cells less one per
    // row. The bounds are the 99.9% quantiles; the draws are fixed by the seed.
    struct Case {
      Transition transition;
      double bound;
    };
    const std::vector<Case> cases = {
        {uniform_noise(2, 0.3), 13.8},                                      // 2
        {flip_noise(2, {{0, 1}}, 0.8), 10.8},                               // 1
        {Transition(3, {0.5, 0, 0.5, 0.125, 0.25, 0.625, 0, 0, 1}), 16.3},  // 3
        {symmetric_noise(10, 0.4), 137.2},                                  // 90
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
      std::vector<double> all = Transition::identity(13).values();
      std::ranges::copy(values, all.begin());
      const Transition transition(13, all);
      const auto positions = first_positions(300'000);
      std::vector<int64_t> counts(13);
      for (int32_t label : transition.draw_labels(std::vector<int32_t>(positions.size()), positions, kKey))
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
    const auto all = transition.draw_labels(labels, positions, kKey);
    CHECK(all != labels);
    CHECK(all == transition.draw_labels(labels, positions, kKey));

    std::vector<int32_t> some_labels;
    std::vector<int64_t> some;
    std::vector<int32_t> expected;
    for (size_t i = 999; i > 400; i -= 3) {
      some.push_back(static_cast<int64_t>(i));
      some_labels.push_back(labels[i]);
      expected.push_back(all[i]);
    }
    CHECK(transition.draw_labels(some_labels, some, kKey) == expected);
    RandomKey other = kKey;
    ++other.seed;
    CHECK(transition.draw_labels(labels, positions, other) != all);
  }

  TEST_CASE("labels and positions that do not fit are errors") {
    const Transition transition = uniform_noise(2, 0.5);
    CHECK(error_of([&] { transition.draw_labels({0, 1}, {0}, kKey); }) == "label noise: 2 labels, and 1 positions");
    CHECK(error_of([&] { transition.draw_labels({2}, {0}, kKey); }) == "label noise: label 2 lies outside [0, 2)");
    CHECK(error_of([&] { transition.draw_labels({-1}, {0}, kKey); }) == "label noise: label -1 lies outside [0, 2)");
    CHECK(error_of([&] { transition.draw_labels({0}, {-3}, kKey); }) == "label noise: position -3 is negative");
  }
}

}  // namespace cofactor::testing
