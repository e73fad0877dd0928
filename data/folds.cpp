#include "data/folds.h"

#include <algorithm>
#include <numeric>

#include "engine/error.h"

namespace cofactor {
namespace {

// How many different numbers there can be: the largest and one.
size_t count_of(const std::vector<int32_t>& numbers) {
  return numbers.empty() ? 0 : static_cast<size_t>(std::ranges::max(numbers)) + 1;
}

// Round robin within each stratum; a stratum begins where the one before has ended, so that folds differ by at most one
// sample.
std::vector<int32_t> deal_samples(const std::vector<int32_t>& strata, int folds, const RandomKey& key) {
  std::vector<std::vector<int64_t>> members(count_of(strata));
  for (const int64_t i : random_permutation(key, std::ssize(strata))) {
    members[static_cast<size_t>(strata[static_cast<size_t>(i)])].push_back(i);
  }
  std::vector<int32_t> fold_of(strata.size());
  int32_t next = 0;
  for (const std::vector<int64_t>& stratum : members) {
    for (const int64_t i : stratum) fold_of[static_cast<size_t>(i)] = 1 + next++ % folds;
  }
  return fold_of;
}

// The samples of a group, by stratum.
struct Group {
  std::vector<int64_t> samples;
  std::vector<std::pair<size_t, double>> strata;  // and how many of each
};

std::vector<Group> groups_of(const std::vector<int32_t>& strata, const std::vector<int32_t>& groups) {
  std::vector<Group> all(count_of(groups));
  for (size_t i = 0; i < groups.size(); ++i) {
    Group& group = all[static_cast<size_t>(groups[i])];
    group.samples.push_back(static_cast<int64_t>(i));
    const auto stratum = static_cast<size_t>(strata[i]);
    const auto found = std::ranges::find(group.strata, stratum, &std::pair<size_t, double>::first);
    if (found == group.strata.end()) {
      group.strata.emplace_back(stratum, 1.0);
    } else {
      found->second += 1.0;
    }
  }
  std::erase_if(all, [](const Group& group) { return group.samples.empty(); });
  return all;
}

std::vector<int32_t> deal_groups(const std::vector<int32_t>& strata, const std::vector<int32_t>& groups, int folds,
                                 const RandomKey& key) {
  const std::vector<Group> all = groups_of(strata, groups);
  std::vector<int64_t> order = random_permutation(key, std::ssize(all));
  std::ranges::stable_sort(order, std::ranges::greater(),
                           [&](int64_t g) { return all[static_cast<size_t>(g)].samples.size(); });
  const size_t count = count_of(strata);
  std::vector<double> sizes(count);
  for (const int32_t stratum : strata) sizes[static_cast<size_t>(stratum)] += 1.0;
  std::vector<std::vector<double>> dealt(static_cast<size_t>(folds), std::vector<double>(count));
  std::vector<size_t> samples(static_cast<size_t>(folds));
  std::vector<int32_t> fold_of(strata.size());
  for (const int64_t g : order) {
    const Group& group = all[static_cast<size_t>(g)];
    size_t best = 0;
    double least = INFINITY;
    for (size_t fold = 0; fold < dealt.size(); ++fold) {
      double growth = 0.0;
      for (const auto& [stratum, more] : group.strata)
        growth += more * (2.0 * dealt[fold][stratum] + more) / sizes[stratum];
      if (growth < least || (growth == least && samples[fold] < samples[best])) best = fold, least = growth;
    }
    for (const auto& [stratum, more] : group.strata) dealt[best][stratum] += more;
    samples[best] += group.samples.size();
    for (const int64_t i : group.samples) fold_of[static_cast<size_t>(i)] = static_cast<int32_t>(best) + 1;
  }
  return fold_of;
}

}  // namespace

std::vector<int32_t> deal_folds(const std::vector<int32_t>& strata, const std::vector<int32_t>& groups, int folds,
                                const RandomKey& key) {
  check(folds >= 2, "folds: expected at least 2, got {}", folds);
  check(groups.empty() || groups.size() == strata.size(), "folds: {} strata, but {} groups", strata.size(),
        groups.size());
  for (const std::vector<int32_t>* numbers : {&strata, &groups}) {
    check(numbers->empty() || std::ranges::min(*numbers) >= 0, "folds: a stratum or group is negative");
  }
  return groups.empty() ? deal_samples(strata, folds, key) : deal_groups(strata, groups, folds, key);
}

}  // namespace cofactor
