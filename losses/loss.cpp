#include "losses/loss.h"

#include <algorithm>

namespace cofactor {

bool Loss::skips(const Batch& batch, int64_t classes) const {
  if (!needs_every_class()) return false;
  check(classes >= 2, "{}: {} classes, expected at least 2", name(), classes);
  std::vector<bool> present(static_cast<size_t>(classes), false);
  for (const int32_t label : batch.host_labels) {
    check(label >= 0 && label < classes, "{}: label {} lies outside [0, {})", name(), label, classes);
    present[static_cast<size_t>(label)] = true;
  }
  return std::ranges::find(present, false) != present.end();
}

}  // namespace cofactor
