#include "losses/forward_correction.h"

#include <cmath>
#include <limits>

#include "engine/autograd.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "losses/checks.h"

namespace cofactor {

namespace {

// Row y is log T(c, y) for all c; the log of the smallest normal number where no class has label y.
std::vector<double> log_columns(const Transition& transition) {
  const int64_t classes = transition.classes();
  std::vector<double> rows;
  for (int64_t y = 0; y < classes; ++y) {
    double total = 0.0;
    for (int64_t c = 0; c < classes; ++c) total += transition.at(c, y);
    for (int64_t c = 0; c < classes; ++c)
      rows.push_back(std::log(total > 0.0 ? transition.at(c, y) : std::numeric_limits<double>::min()));
  }
  return rows;
}

// mean_i -log sum_c exp(log p_ic + log T_ic)
Tensor negative_log_mixture(const Tensor& logits, const Tensor& log_t) {
  const Tensor joint = log_softmax(logits) + log_t;
  const Tensor largest = [&] {
    const NoGrad no_grad;  // the sum does not depend on the shift
    return max(joint, {1}, true);
  }();
  return -mean(log(sum(exp(joint - largest), {1}, true)) + largest);
}

}  // namespace

Tensor forward_correction(const Tensor& logits, const Tensor& labels, const Transition& transition) {
  ForwardCorrectionLoss loss({.transition = transition});
  return loss(logits, {.inputs = {}, .labels = labels, .host_labels = {}, .indices = {}});
}

ForwardCorrectionLoss::ForwardCorrectionLoss(const LossCorrectionOptions& options)
    : LossCorrection(options, log_columns) {}

Tensor ForwardCorrectionLoss::operator()(const Tensor& logits, const Batch& batch) {
  return negative_log_mixture(logits, table_rows(logits, batch.labels));
}

}  // namespace cofactor
