#include "losses/cross_entropy.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "losses/checks.h"

namespace cofactor {

Tensor cross_entropy(const Tensor& logits, const Tensor& labels) {
  check_logits_and_labels("cross_entropy", logits, labels, 1);
  return -mean(gather(log_softmax(logits), labels));
}

Tensor CrossEntropyLoss::operator()(const Tensor& logits, const Batch& batch) {
  return cross_entropy(logits, batch.labels);
}

}  // namespace cofactor
