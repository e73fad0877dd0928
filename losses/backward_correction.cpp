#include "losses/backward_correction.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"

namespace cofactor {

namespace {

constexpr double kMaxAmplificationOfGiven = 1e6;

std::vector<double> inverse_table(const Transition& transition) {
  return transition.inverse("bw", kMaxAmplificationOfGiven);
}

}  // namespace

Tensor backward_correction(const Tensor& logits, const Tensor& labels, const Transition& transition) {
  BackwardCorrectionLoss loss({.transition = transition});
  return loss(logits, {.inputs = {}, .labels = labels, .host_labels = {}, .indices = {}});
}

BackwardCorrectionLoss::BackwardCorrectionLoss(const LossCorrectionOptions& options)
    : LossCorrection(options, inverse_table) {}

Tensor BackwardCorrectionLoss::operator()(const Tensor& logits, const Batch& batch) {
  const Tensor weights = table_rows(logits, batch.labels);
  return -mean(sum(weights * log_softmax(logits), {1}));
}

}  // namespace cofactor
