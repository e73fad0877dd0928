#include "data/class_coverage.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/sampler.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

double choose(int64_t n, int64_t k) {
  double result = 1.0;
  for (int64_t i = 1; i <= k; ++i) result = result * static_cast<double>(n - k + i) / static_cast<double>(i);
  return k > n ? 0.0 : result;
}

// By inclusion and exclusion over the sets of classes that are absent.
double coverage_by_subsets(const std::vector<int64_t>& sizes, int64_t batch) {
  const int64_t samples = std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
  double ways = 0.0;
  for (uint32_t absent = 0; absent < 1u << sizes.size(); ++absent) {
    int64_t left = samples;
    int count = 0;
    for (size_t c = 0; c < sizes.size(); ++c) {
      if (!(absent >> c & 1)) continue;
      left -= sizes[c];
      ++count;
    }
    ways += (count % 2 == 0 ? 1.0 : -1.0) * choose(left, batch);
  }
  return ways / choose(samples, batch);
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("class coverage: the probability is that of inclusion and exclusion for every batch size") {
    for (const std::vector<int64_t>& sizes :
         {std::vector<int64_t>{5, 5}, {1, 30}, {4, 3, 20}, {7, 7, 7, 2}, {10, 10, 10, 10, 10}, {1, 1}, {9}}) {
      const int64_t samples = std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
      for (int64_t batch = 0; batch <= samples + 2; ++batch) {
        CAPTURE(sizes.size());
        CAPTURE(batch);
        const double expected = batch > samples ? 1.0 : coverage_by_subsets(sizes, batch);
        CHECK(std::abs(coverage_probability(sizes, batch) - expected) < 1e-10);
      }
    }
    CHECK(coverage_probability({5, 0, 5}, 10) == 0.0);
    CHECK(coverage_probability({50, 50, 50}, 2) == 0.0);
  }

  TEST_CASE("class coverage: shuffled batches hold every class as often as the probability says") {
    const std::vector<int64_t> sizes(50, 40);
    std::vector<int32_t> labels;
    for (size_t c = 0; c < sizes.size(); ++c) labels.insert(labels.end(), 40, static_cast<int32_t>(c));
    for (const int64_t batch : {150, 200, 250}) {
      double complete = 0.0, all = 0.0;
      for (uint64_t epoch = 0; epoch < 200; ++epoch) {
        for (const auto& positions :
             make_batches(SamplerKind::shuffled, labels, batch, LastBatch::drop, {.seed = 3, .step = epoch})) {
          std::vector<bool> seen(sizes.size());
          for (const int64_t position : positions)
            seen[static_cast<size_t>(labels[static_cast<size_t>(position)])] = true;
          complete += std::ranges::count(seen, true) == std::ssize(sizes) ? 1.0 : 0.0;
          all += 1.0;
        }
      }
      CAPTURE(batch);
      CHECK(coverage_probability(sizes, batch) == doctest::Approx(complete / all).epsilon(0.1));
    }
  }

  TEST_CASE("class coverage: it holds for many classes and samples and grows with the batch") {
    std::vector<int64_t> sizes;
    for (int64_t c = 0; c < 700; ++c) sizes.push_back(100 + c);
    double before = 0.0;
    for (const int64_t batch : {700, 3000, 6000, 9000, 20000, 40000}) {
      const double probability = coverage_probability(sizes, batch);
      CHECK(probability >= before);
      before = probability;
    }
    CHECK(before > 0.999);
    // For equal classes and n draws with replacement the limit is exp(-C exp(-n / C)) (the coupon collector).
    const std::vector<int64_t> equal(100, 10000);
    const double limit = std::exp(-100.0 * std::exp(-700.0 / 100.0));
    CHECK(coverage_probability(equal, 700) == doctest::Approx(limit).epsilon(0.01));
  }

  TEST_CASE("class coverage: the batch that is found covers and a smaller one does not") {
    for (const std::vector<int64_t>& sizes :
         {std::vector<int64_t>(100, 50), {300, 10, 10, 40}, {5, 5}, std::vector<int64_t>(10, 6000), {1, 99}}) {
      const int64_t samples = std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
      const int64_t batch = covering_batch(sizes, 0.99);
      CAPTURE(batch);
      CHECK(batch <= samples);
      CHECK(coverage_probability(sizes, batch) >= 0.99);
      int64_t smallest = std::ssize(sizes);
      while (coverage_probability(sizes, smallest) < 0.99) ++smallest;
      CHECK(batch >= smallest);
      const int64_t batches = samples / smallest;  // as many of that size fit into an epoch
      CHECK(batch * batches >= samples);
      CHECK((batch - 1) * batches < samples);
    }
    CHECK(covering_batch({5, 0, 5}, 0.99) == 10);
  }

  TEST_CASE("class coverage: what makes no sense is an error") {
    CHECK_THROWS_AS(coverage_probability({}, 3), Error);
    CHECK_THROWS_AS(coverage_probability({3, -1}, 3), Error);
    CHECK_THROWS_AS(coverage_probability({3, 1}, -1), Error);
    CHECK_THROWS_AS(covering_batch({3, 1}, 1.0), Error);
    CHECK_THROWS_AS(covering_batch({3, 1}, 0.0), Error);
  }
}
