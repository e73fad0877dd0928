#include "data/noise/class_order.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "engine/random.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/numbers.h"

namespace cofactor::testing {

namespace {

double gain_of(const std::vector<double>& gain, const std::vector<int64_t>& columns) {
  double sum = 0.0;
  for (size_t row = 0; row < columns.size(); ++row)
    sum += gain[row * columns.size() + static_cast<size_t>(columns[row])];
  return sum;
}

std::vector<double> random_gains(int64_t n, uint64_t seed) {
  std::vector<double> gains;
  for (uint64_t i = 0; i < static_cast<uint64_t>(n * n); ++i)
    gains.push_back(static_cast<double>(random_below({seed, Purpose::test}, i, 40)) - 20.0);  // with many ties
  return gains;
}

// counts of two networks that agree on `agreeing` of 100 samples of each class, the outputs of the first exchanged.
std::vector<double> counts_with_order(const std::vector<int64_t>& order, double agreeing) {
  const size_t n = order.size();
  std::vector<double> counts(n * n, (100.0 - agreeing) / static_cast<double>(n - 1));
  for (size_t c = 0; c < n; ++c) counts[c * n + static_cast<size_t>(order[c])] = agreeing;
  return counts;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("best assignment: as good as the best of all permutations") {
    for (int64_t n = 0; n <= 6; ++n)
      for (uint64_t seed = 0; seed < 20; ++seed) {
        const std::vector<double> gain = random_gains(n, seed);
        const std::vector<int64_t> found = best_assignment(gain, n);
        std::vector<int64_t> columns(static_cast<size_t>(n));
        std::iota(columns.begin(), columns.end(), 0);
        REQUIRE(std::is_permutation(found.begin(), found.end(), columns.begin(), columns.end()));
        double best = gain_of(gain, columns);
        while (std::next_permutation(columns.begin(), columns.end())) best = std::max(best, gain_of(gain, columns));
        CHECK(gain_of(gain, found) == best);
      }
    CHECK(error_of([] {
            best_assignment(std::vector<double>{1.0, 2.0}, 2);
          }) == "assignment: 2 gains for 2 rows, expected rows * rows");
    CHECK(error_of([] {
            best_assignment(std::vector<double>{1.0, kNan, 0.0, 0.0}, 2);
          }) == "assignment: the gain of row 0 and column 1 is nan");
  }

  TEST_CASE("class order: finds a permutation of a thousand classes") {
    const std::vector<int64_t> shuffled = random_permutation({3, Purpose::test}, 1000);
    const ClassOrder order = find_class_order(counts_with_order(shuffled, 60.0), 1000);
    CHECK(order.permuted);
    CHECK(order.reference_class == shuffled);
    CHECK(order.agreement < 0.01);
    CHECK(order.agreement_in_order == doctest::Approx(0.6));
  }

  TEST_CASE("class order: two exchanged classes among many are found and the rest is left alone") {
    std::vector<int64_t> exchanged(50);
    std::iota(exchanged.begin(), exchanged.end(), 0);
    std::swap(exchanged[7], exchanged[31]);
    CHECK(find_class_order(counts_with_order(exchanged, 30.0), 50).reference_class == exchanged);
    std::swap(exchanged[7], exchanged[31]);
    const ClassOrder order = find_class_order(counts_with_order(exchanged, 30.0), 50);
    CHECK_FALSE(order.permuted);
    CHECK(order.reference_class == exchanged);
    CHECK(order.agreement == order.agreement_in_order);
  }

  TEST_CASE("class order: what chance may have done is not believed") {
    // Exchanging agrees on 13 samples instead of 7: 1.3 standard deviations.
    CHECK_FALSE(find_class_order(std::vector<double>{4, 7, 6, 3}, 2).permuted);
    CHECK(find_class_order(std::vector<double>{40, 70, 60, 30}, 2).permuted);
    // Classes that never occur, constant outputs, no samples.
    CHECK_FALSE(find_class_order(std::vector<double>{10, 0, 0, 0, 0, 0, 0, 0, 0}, 3).permuted);
    CHECK_FALSE(find_class_order(std::vector<double>{10, 10, 10, 0, 0, 0, 0, 0, 0}, 3).permuted);
    CHECK_FALSE(find_class_order(std::vector<double>(9), 3).permuted);
    CHECK_FALSE(find_class_order(std::vector<double>{5}, 1).permuted);
    CHECK(error_of([] {
            find_class_order(std::vector<double>{1, -1, 0, 0}, 2);
          }) == "class order: a count is -1, expected 0 or more");
  }

  TEST_CASE("class order: columns are put where their classes belong") {
    ClassOrder order = find_class_order(counts_with_order({1, 2, 0}, 90.0), 3);
    std::vector<float> p{0.7f, 0.2f, 0.1f, 0.0f, 0.4f, 0.6f};
    put_in_order(p, order);
    CHECK(p == std::vector<float>{0.1f, 0.7f, 0.2f, 0.6f, 0.0f, 0.4f});
    p.pop_back();
    CHECK(error_of([&] { put_in_order(p, order); }) == "class order: 5 probabilities for 3 classes");
  }
}

}  // namespace cofactor::testing
