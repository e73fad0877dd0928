#include "losses/mae.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "losses/checks.h"

namespace cofactor {

Tensor mean_absolute_error(const Tensor& logits, const Tensor& labels) {
  check_logits_and_labels("mae", logits, labels, 1);
  return 2.0 * mean(-gather(softmax(logits), labels) + 1.0);
}

Tensor MaeLoss::operator()(const Tensor& logits, const Batch& batch) {
  return mean_absolute_error(logits, batch.labels);
}

}  // namespace cofactor
