#include "data/sets/deal_parts.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "engine/random.h"

namespace cofactor::testing {

TEST_SUITE("data") {
  TEST_CASE("samples are dealt by class in the order of the permutation") {
    std::vector<int32_t> labels;
    for (int i = 0; i < 100; ++i) labels.push_back(i % 4 == 3 ? -1 : i % 4 == 0 ? 1 : 0);
    const DealtParts dealt = deal_by_class(labels, 2, {.seed = 5});
    CHECK(class_sizes(labels, 2) == std::vector<int64_t>{50, 25});
    CHECK(dealt.validation.size() == 10 + 5);
    CHECK(dealt.test.size() == 5 + 2);
    CHECK(dealt.train.size() == 75 - 22);
    std::vector<int64_t> places(100);
    const auto order = random_permutation({5, Purpose::split, 0, 0}, 100);
    for (size_t i = 0; i < order.size(); ++i) places[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
    const auto place = [&](int64_t i) { return places[static_cast<size_t>(i)]; };
    std::set<int64_t> all;
    for (const auto* part : {&dealt.train, &dealt.validation, &dealt.test}) {
      CHECK(std::ranges::is_sorted(*part, {}, place));
      for (const int64_t i : *part) CHECK(labels[static_cast<size_t>(i)] >= 0);
      all.insert(part->begin(), part->end());
    }
    CHECK(all.size() == 75);
    const DealtParts two = deal_by_class(labels, 2, {.validation = true, .test = false, .seed = 5});
    CHECK(two.validation == dealt.validation);
    CHECK(two.test.empty());
    CHECK(deal_by_class({0, 0, 0}, 1, {}).test.size() == 1);
    CHECK(deal_by_class({}, 2, {}).train.empty());
  }

  TEST_CASE("whole groups are dealt so that the shares of each class come out nearly right") {
    // Groups of 1 to 30 samples, each mostly of one of five classes.
    std::vector<int32_t> labels, groups;
    const RandomKey draws{3, Purpose::test, 0, 0};
    for (int32_t group = 0; group < 200; ++group) {
      const auto size = 1 + random_word(draws, static_cast<uint64_t>(group)) % 30;
      for (uint32_t i = 0; i < size; ++i) {
        labels.push_back(i % 5 == 0 ? static_cast<int32_t>(i / 5 % 5) : group % 5);
        groups.push_back(group);
      }
    }
    const DealtParts dealt = deal_by_group(labels, 5, groups, {.seed = 1});
    CHECK(dealt.train.size() + dealt.validation.size() + dealt.test.size() == labels.size());
    std::vector<std::set<int32_t>> of_part;
    for (const auto* part : {&dealt.train, &dealt.validation, &dealt.test}) {
      CHECK(std::ranges::is_sorted(*part));
      std::set<int32_t> its;
      for (const int64_t i : *part) its.insert(groups[static_cast<size_t>(i)]);
      of_part.push_back(its);
    }
    CHECK(of_part[0].size() + of_part[1].size() + of_part[2].size() == 200);
    const auto share_of = [&](const std::vector<int64_t>& part, int32_t label) {
      const auto of_label = [&](int64_t i) { return labels[static_cast<size_t>(i)] == label; };
      return static_cast<double>(std::ranges::count_if(part, of_label)) /
             static_cast<double>(std::ranges::count(labels, label));
    };
    for (int32_t c = 0; c < 5; ++c) {
      CHECK(share_of(dealt.validation, c) == doctest::Approx(0.2).epsilon(0.15));
      CHECK(share_of(dealt.test, c) == doctest::Approx(0.1).epsilon(0.15));
    }
    CHECK(deal_by_group(labels, 5, groups, {.seed = 1}).train == dealt.train);
    CHECK(deal_by_group(labels, 5, groups, {.seed = 2}).train != dealt.train);
    // A sample that is not dealt takes no part.
    labels[0] = -1;
    for (const auto& part : {deal_by_group(labels, 5, groups, {.seed = 1})})
      CHECK(part.train.size() + part.validation.size() + part.test.size() == labels.size() - 1);
  }

  TEST_CASE("groups of one sample are dealt as well as single samples") {
    std::vector<int32_t> labels(100), groups(100);
    std::iota(groups.begin(), groups.end(), 0);
    for (size_t i = 0; i < 40; ++i) labels[i] = 1;
    const DealtParts dealt = deal_by_group(labels, 2, groups, {});
    CHECK(dealt.validation.size() == 20);
    CHECK(dealt.test.size() == 10);
    CHECK(deal_by_group({}, 2, {}, {}).train.empty());
  }
}

}  // namespace cofactor::testing
