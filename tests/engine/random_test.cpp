#include "engine/random.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

namespace cofactor {

namespace {

using Words = std::array<uint32_t, 4>;

// Pearson's chi-square statistic of counts that should be equal.
double chi_square(const std::vector<int>& counts) {
  const double expected = std::accumulate(counts.begin(), counts.end(), 0.0) / static_cast<double>(counts.size());
  double total = 0.0;
  for (const int count : counts) total += (count - expected) * (count - expected) / expected;
  return total;
}

// Whether a chi-square statistic lies within five standard deviations of its mean, on both sides: counts that are too
// even are as suspicious as counts that are too uneven.
bool is_plausible(double statistic, size_t bins) {
  const double freedom = static_cast<double>(bins) - 1.0;
  return std::abs(statistic - freedom) < 5.0 * std::sqrt(2.0 * freedom);
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("four words from any position on are those words one by one") {
    const RandomKey key{.seed = 4, .purpose = Purpose::test, .index = 2, .step = 9};
    for (const uint64_t position :
         {uint64_t{0}, uint64_t{1}, uint64_t{2}, uint64_t{3}, uint64_t{4}, uint64_t{1027}, (uint64_t{1} << 34) - 1}) {
      const Words words = four_random_words(key, position);
      for (size_t k = 0; k < 4; ++k) CHECK(words[k] == random_word(key, position + k));
    }
    CHECK(RandomDraws::of_rows(key, 7, 30).first == 210);
  }

  // kat_vectors of the Random123 library, philox4x32 with 10 rounds.
  TEST_CASE("Philox gives the published known answers") {
    CHECK(philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
          Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
          Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
  }

  TEST_CASE("a draw depends on its key and position alone") {
    const RandomKey key{.seed = 5, .purpose = Purpose::shuffle, .index = 2, .step = 9};
    std::vector<uint32_t> forwards, backwards;
    for (uint64_t i = 0; i < 100; ++i) forwards.push_back(random_word(key, i));
    for (uint64_t i = 100; i-- > 0;) backwards.push_back(random_word(key, i));
    std::reverse(backwards.begin(), backwards.end());
    CHECK(forwards == backwards);
    for (uint64_t block = 0; block < 25; ++block)
      for (size_t word = 0; word < 4; ++word) CHECK(random_words(key, block)[word] == forwards[4 * block + word]);
  }

  TEST_CASE("keys that differ anywhere give streams that share nothing") {
    std::vector<RandomKey> keys;
    for (const Purpose purpose : {Purpose::weights, Purpose::labels, Purpose::shuffle, Purpose::dropout,
                                  Purpose::augmentation, Purpose::split, Purpose::test, Purpose::latent})
      for (const uint32_t index : {0u, 1u, 2u, 255u, 65536u})
        for (const uint64_t step : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32})
          for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32})
            keys.push_back({.seed = seed, .purpose = purpose, .index = index, .step = step});
    // Pairs of words: 360 keys with 32 pairs make a chance repetition less likely than 1 in 10^11.
    std::set<uint64_t> seen;
    for (const RandomKey& key : keys)
      for (uint64_t i = 0; i < 32; ++i)
        seen.insert(uint64_t{random_word(key, 2 * i)} << 32 | random_word(key, 2 * i + 1));
    CHECK(seen.size() == keys.size() * 32);
  }

  TEST_CASE("unit_float covers 0 to 1 and never rounds up to 1") {
    CHECK(unit_float(0) == 0.0f);
    CHECK(unit_float(0xff) == 0.0f);
    CHECK(unit_float(0x100) == 0x1p-24f);
    CHECK(unit_float(0x80000000u) == 0.5f);
    CHECK(unit_float(0xffffffffu) == 1.0f - 0x1p-24f);
  }

  TEST_CASE("uniform draws are uniform and pairs of neighbours too") {
    const RandomKey key{.seed = 1, .purpose = Purpose::test};
    constexpr uint64_t kDraws = 1 << 17;
    std::vector<int> bins(64), pairs(16 * 16), bits(32);
    double total = 0.0;
    for (uint64_t i = 0; i < kDraws; ++i) {
      const double u = random_uniform(key, i);
      REQUIRE((u >= 0.0 && u < 1.0));
      total += u;
      ++bins[static_cast<size_t>(u * 64)];
      ++pairs[static_cast<size_t>(u * 16) * 16 + static_cast<size_t>(random_uniform(key, i + 1) * 16)];
      for (size_t bit = 0; bit < 32; ++bit) bits[bit] += static_cast<int>(random_word(key, i) >> bit & 1u);
    }
    CHECK(is_plausible(chi_square(bins), bins.size()));
    CHECK(is_plausible(chi_square(pairs), pairs.size()));
    CHECK(std::abs(total / kDraws - 0.5) < 5.0 / std::sqrt(12.0 * kDraws));
    for (const int count : bits) CHECK(std::abs(count - kDraws / 2.0) < 5.0 * std::sqrt(kDraws / 4.0));
  }

  TEST_CASE("normal draws have the moments of the standard normal distribution") {
    const RandomKey key{.seed = 2, .purpose = Purpose::weights};
    constexpr int kDraws = 100000;
    double sum1 = 0.0, sum2 = 0.0, sum3 = 0.0, sum4 = 0.0;
    int beyond_two = 0;
    for (uint64_t i = 0; i < kDraws; ++i) {
      const double x = random_normal(key, i);
      REQUIRE(std::isfinite(x));
      sum1 += x, sum2 += x * x, sum3 += x * x * x, sum4 += x * x * x * x;
      beyond_two += std::abs(x) > 2.0;
    }
    // Five standard errors: the variances of x, x^2, x^3 and x^4 are 1, 2, 15 and 96.
    const double error = 5.0 / std::sqrt(double{kDraws});
    CHECK(std::abs(sum1 / kDraws) < error);
    CHECK(std::abs(sum2 / kDraws - 1.0) < error * std::sqrt(2.0));
    CHECK(std::abs(sum3 / kDraws) < error * std::sqrt(15.0));
    CHECK(std::abs(sum4 / kDraws - 3.0) < error * std::sqrt(96.0));
    CHECK(std::abs(static_cast<double>(beyond_two) / kDraws - 0.0455) < error * std::sqrt(0.0455));
  }

  TEST_CASE("random_below reaches every integer equally and stays below its bound") {
    const RandomKey key{.seed = 3, .purpose = Purpose::labels};
    std::vector<int> counts(7);
    for (uint64_t i = 0; i < 70000; ++i) {
      const int64_t value = random_below(key, i, 7);
      REQUIRE((value >= 0 && value < 7));
      ++counts[static_cast<size_t>(value)];
    }
    CHECK(is_plausible(chi_square(counts), counts.size()));
    for (uint64_t i = 0; i < 100; ++i) CHECK(random_below(key, i, 1) == 0);
  }

  TEST_CASE("a permutation holds every index once") {
    for (const int64_t count : {0, 1, 2, 3, 64, 1000}) {
      std::vector<int64_t> order = random_permutation({.seed = 4, .purpose = Purpose::shuffle}, count);
      std::vector<int64_t> expected(static_cast<size_t>(count));
      std::iota(expected.begin(), expected.end(), 0);
      if (count >= 64) CHECK(order != expected);
      std::sort(order.begin(), order.end());
      CHECK(order == expected);
    }
  }

  TEST_CASE("permutations repeat with their key change with every part of it and are all equally likely") {
    const RandomKey key{.seed = 4, .purpose = Purpose::shuffle, .index = 1, .step = 2};
    const auto order = random_permutation(key, 100);
    CHECK(order == random_permutation(key, 100));
    CHECK(order != random_permutation({.seed = 5, .purpose = Purpose::shuffle, .index = 1, .step = 2}, 100));
    CHECK(order != random_permutation({.seed = 4, .purpose = Purpose::split, .index = 1, .step = 2}, 100));
    CHECK(order != random_permutation({.seed = 4, .purpose = Purpose::shuffle, .index = 2, .step = 2}, 100));
    CHECK(order != random_permutation({.seed = 4, .purpose = Purpose::shuffle, .index = 1, .step = 3}, 100));

    std::vector<int> counts(24);  // the permutations of four, in lexicographic order
    for (uint64_t step = 0; step < 24000; ++step) {
      const auto drawn = random_permutation({.seed = 6, .purpose = Purpose::shuffle, .index = 0, .step = step}, 4);
      std::vector<int64_t> each{0, 1, 2, 3};
      size_t number = 0;
      while (each != drawn) {
        REQUIRE(std::next_permutation(each.begin(), each.end()));
        ++number;
      }
      ++counts[number];
    }
    CHECK(is_plausible(chi_square(counts), counts.size()));
  }
}

}  // namespace cofactor
