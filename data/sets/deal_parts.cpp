#include "data/sets/deal_parts.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "engine/random.h"

namespace cofactor {

namespace {

constexpr int64_t kValidationShare = 5, kTestShare = 10;  // one in this many samples of a class

struct ClassShares {
  int64_t validation = 0, test = 0;
};

ClassShares shares_of(int64_t size, const DealOptions& options) {
  return {options.validation ? std::max<int64_t>(1, size / kValidationShare) : 0,
          options.test ? std::max<int64_t>(1, size / kTestShare) : 0};
}

// The samples of each group that are dealt, the largest group first.
std::vector<std::vector<int64_t>> members_of_groups(const std::vector<int32_t>& labels,
                                                    const std::vector<int32_t>& groups, uint64_t seed) {
  const int32_t last = groups.empty() ? -1 : *std::ranges::max_element(groups);
  std::vector<std::vector<int64_t>> members(static_cast<size_t>(last + 1));
  for (size_t i = 0; i < labels.size(); ++i)
    if (labels[i] >= 0) members[static_cast<size_t>(groups[i])].push_back(static_cast<int64_t>(i));
  std::vector<std::vector<int64_t>> ordered;
  for (const int64_t group : random_permutation({seed, Purpose::split, 0, 0}, static_cast<int64_t>(members.size())))
    if (!members[static_cast<size_t>(group)].empty()) ordered.push_back(std::move(members[static_cast<size_t>(group)]));
  std::ranges::stable_sort(ordered, std::ranges::greater(), [](const auto& group) { return group.size(); });
  return ordered;
}

// A part as groups are dealt to it: the samples of each class that it has, and that it should have.
struct GrowingPart {
  std::vector<int64_t>* samples = nullptr;
  std::vector<double> has, wanted;

  double growth(const std::vector<std::pair<size_t, double>>& counts) const {
    double sum = 0;
    for (const auto& [c, count] : counts) sum += count * (2 * (has[c] - wanted[c]) + count) / wanted[c];
    return sum;
  }
};

}  // namespace

std::vector<int64_t> class_sizes(const std::vector<int32_t>& labels, int64_t classes) {
  std::vector<int64_t> sizes(static_cast<size_t>(classes));
  for (const int32_t label : labels)
    if (label >= 0) ++sizes[static_cast<size_t>(label)];
  return sizes;
}

DealtParts deal_by_class(const std::vector<int32_t>& labels, int64_t classes, const DealOptions& options) {
  const std::vector<int64_t> sizes = class_sizes(labels, classes);
  std::vector<int64_t> seen(sizes.size());
  DealtParts dealt;
  const auto count = static_cast<int64_t>(labels.size());
  for (const int64_t i : random_permutation({options.seed, Purpose::split, 0, 0}, count)) {
    if (labels[static_cast<size_t>(i)] < 0) continue;
    const auto c = static_cast<size_t>(labels[static_cast<size_t>(i)]);
    const ClassShares shares = shares_of(sizes[c], options);
    const int64_t place = seen[c]++;
    auto& part = place < shares.validation                 ? dealt.validation
                 : place < shares.validation + shares.test ? dealt.test
                                                           : dealt.train;
    part.push_back(i);
  }
  return dealt;
}

DealtParts deal_by_group(const std::vector<int32_t>& labels, int64_t classes, const std::vector<int32_t>& groups,
                         const DealOptions& options) {
  const std::vector<int64_t> sizes = class_sizes(labels, classes);
  DealtParts dealt;
  std::vector<GrowingPart> parts(1);
  parts[0].samples = &dealt.train;
  if (options.validation) parts.push_back({&dealt.validation, {}, {}});
  if (options.test) parts.push_back({&dealt.test, {}, {}});
  for (GrowingPart& part : parts) {
    part.has.resize(sizes.size());
    for (const int64_t size : sizes) {
      const ClassShares shares = shares_of(size, options);
      const int64_t wanted = part.samples == &dealt.validation ? shares.validation
                             : part.samples == &dealt.test     ? shares.test
                                                               : size - shares.validation - shares.test;
      part.wanted.push_back(static_cast<double>(std::max<int64_t>(1, wanted)));
    }
  }
  for (const std::vector<int64_t>& group : members_of_groups(labels, groups, options.seed)) {
    std::vector<int32_t> its_labels;
    for (const int64_t i : group) its_labels.push_back(labels[static_cast<size_t>(i)]);
    std::ranges::sort(its_labels);
    std::vector<std::pair<size_t, double>> counts;
    for (const int32_t label : its_labels) {
      const auto c = static_cast<size_t>(label);
      if (counts.empty() || counts.back().first != c) counts.emplace_back(c, 0);
      ++counts.back().second;
    }
    GrowingPart& least = *std::ranges::min_element(parts, {}, [&](const auto& part) { return part.growth(counts); });
    for (const auto& [c, count] : counts) least.has[c] += count;
    least.samples->insert(least.samples->end(), group.begin(), group.end());
  }
  for (const GrowingPart& part : parts) std::ranges::sort(*part.samples);
  return dealt;
}

}  // namespace cofactor
