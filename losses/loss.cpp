#include "losses/loss.h"

#include <algorithm>

#include "engine/distributed/all_reduce_sum.h"
#include "engine/ops/elementwise.h"

namespace cofactor {

Tensor Loss::over_ranks(const Tensor& logits, const Batch& batch, Communicator& ranks) {
  check(batch.whole != nullptr, "{}: the batch is not a share of one that ranks divide", name());
  const double share = static_cast<double>(batch.size()) / static_cast<double>(batch.whole->shared_out);
  return all_reduce_sum((*this)(logits, batch) * share, ranks);
}

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
