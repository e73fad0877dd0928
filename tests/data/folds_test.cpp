#include "data/folds.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

const RandomKey kFoldKey{.seed = 3, .purpose = Purpose::split};

// How many samples of a stratum each fold has.
std::map<int32_t, std::vector<int64_t>> sizes_of(const std::vector<int32_t>& strata, const std::vector<int32_t>& dealt,
                                                 int folds) {
  std::map<int32_t, std::vector<int64_t>> sizes;
  for (size_t i = 0; i < strata.size(); ++i) {
    auto& of = sizes[strata[i]];
    of.resize(static_cast<size_t>(folds));
    ++of[static_cast<size_t>(dealt[i] - 1)];
  }
  return sizes;
}

void check_even(const std::vector<int64_t>& sizes, int64_t most) {
  CHECK(std::ranges::max(sizes) - std::ranges::min(sizes) <= most);
}

// 103 samples in three strata of unequal sizes, mixed.
std::vector<int32_t> mixed_strata() {
  std::vector<int32_t> strata;
  for (int i = 0; i < 103; ++i) strata.push_back(i % 10 < 6 ? 0 : i % 10 < 9 ? 1 : 2);
  return strata;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("folds: every stratum and the whole are spread evenly and the seed decides") {
    const std::vector<int32_t> strata = mixed_strata();
    for (const int folds : {2, 5, 7}) {
      const std::vector<int32_t> dealt = deal_folds(strata, {}, folds, kFoldKey);
      REQUIRE(dealt.size() == strata.size());
      CHECK(std::set<int32_t>(dealt.begin(), dealt.end()).size() == static_cast<size_t>(folds));
      CHECK(std::ranges::min(dealt) == 1);
      for (const auto& [stratum, sizes] : sizes_of(strata, dealt, folds)) check_even(sizes, 1);
      check_even(sizes_of(std::vector<int32_t>(strata.size()), dealt, folds).at(0), 1);
      CHECK(dealt == deal_folds(strata, {}, folds, kFoldKey));
      CHECK(dealt != deal_folds(strata, {}, folds, {.seed = 4, .purpose = Purpose::split}));
    }
  }

  TEST_CASE("folds: a group is in one fold and strata are spread as groups allow") {
    const std::vector<int32_t> strata = mixed_strata();
    std::vector<int32_t> groups;
    for (int i = 0; i < 103; ++i) groups.push_back(i / 3 * 2);  // numbers need not be consecutive
    const std::vector<int32_t> dealt = deal_folds(strata, groups, 5, kFoldKey);
    std::map<int32_t, std::set<int32_t>> folds_of;
    for (size_t i = 0; i < groups.size(); ++i) folds_of[groups[i]].insert(dealt[i]);
    for (const auto& [group, folds] : folds_of) CHECK(folds.size() == 1);
    for (const auto& [stratum, sizes] : sizes_of(strata, dealt, 5)) check_even(sizes, 4);
    CHECK(dealt != deal_folds(strata, groups, 5, {.seed = 4, .purpose = Purpose::split}));
  }

  TEST_CASE("folds: few samples leave folds empty and no samples are no error") {
    CHECK(deal_folds({}, {}, 3, kFoldKey).empty());
    const std::vector<int32_t> two = deal_folds({0, 0}, {}, 5, kFoldKey);
    CHECK(two[0] != two[1]);
    CHECK(deal_folds({0, 1, 0}, {7, 7, 7}, 5, kFoldKey) == std::vector<int32_t>{1, 1, 1});
  }

  TEST_CASE("folds: what cannot be dealt is an error") {
    CHECK(contains(error_of([] { deal_folds({0}, {}, 1, kFoldKey); }), "expected at least 2, got 1"));
    CHECK(contains(error_of([] { deal_folds({0, 1}, {0}, 2, kFoldKey); }), "2 strata, but 1 groups"));
    CHECK(contains(error_of([] { deal_folds({0, -1}, {}, 2, kFoldKey); }), "is negative"));
    CHECK(contains(error_of([] { deal_folds({0, 1}, {0, -1}, 2, kFoldKey); }), "is negative"));
  }
}
