#include "data/images/broken_images.h"

#include <algorithm>
#include <numeric>

#include "data/images/scan.h"
#include "engine/error.h"

namespace cofactor {

std::vector<BrokenSample> find_broken_images(const ImageList& list, int threads) {
  std::vector<int64_t> all(static_cast<size_t>(list.size()));
  std::iota(all.begin(), all.end(), int64_t{0});
  return scan_images(list, all, threads).broken;
}

Split without_broken(const Split& split, const std::vector<BrokenSample>& broken) {
  Split intact{.data = split.data, .indices = {}, .labels = {}};
  const BrokenSample* first = nullptr;  // broken image of the split
  for (size_t i = 0; i < split.indices.size(); ++i) {
    const auto found = std::ranges::lower_bound(broken, split.indices[i], {}, &BrokenSample::index);
    if (found != broken.end() && found->index == split.indices[i]) {
      if (first == nullptr) first = &*found;
      continue;
    }
    intact.indices.push_back(split.indices[i]);
    intact.labels.push_back(split.labels[i]);
  }
  if (first != nullptr && intact.size() == 0)
    fail("images: all {} images of a split are broken; the first one: {}", split.size(), first->reason);
  return intact;
}

void check_classes_left(const Split& split, const Split& whole, const std::vector<std::string>& classes,
                        std::string_view part, const std::vector<BrokenSample>& broken) {
  const std::vector<int64_t> left = split.class_counts(), before = whole.class_counts();
  for (size_t c = 0; c < left.size(); ++c) {
    if (left[c] > 0 || before[c] == 0) continue;
    const auto of_class = [&](const BrokenSample& image) {
      const auto place = std::ranges::find(whole.indices, image.index);
      return place != whole.indices.end() &&
             whole.labels[static_cast<size_t>(place - whole.indices.begin())] == static_cast<int32_t>(c);
    };
    const auto first = std::ranges::find_if(broken, of_class);
    fail("images: no {} image of class '{}' is left: {}{}", part, classes.at(c),
         before[c] == 1 ? "the only one cannot be read" : fmt::format("none of the {} can be read", before[c]),
         first == broken.end() ? "" : "; the first one: " + first->reason);
  }
}

}  // namespace cofactor
