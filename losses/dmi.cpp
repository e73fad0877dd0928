#include "losses/dmi.h"

#include <algorithm>
#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "engine/ops/log_abs_det.h"
#include "engine/ops/matmul.h"
#include "engine/ops/softmax.h"
#include "losses/checks.h"

namespace cofactor {

Tensor joint_matrix(const Tensor& logits, const Tensor& labels, bool normalize) {
  check_logits_and_labels("dmi", logits, labels, 2);
  const Tensor o = transpose(softmax(logits));                      // (C, N)
  const Tensor l = one_hot(labels, logits.dim(1), logits.dtype());  // (N, C)
  const Tensor u = cast(matmul(o, l), DType::f64);
  return normalize ? u / static_cast<double>(logits.dim(0)) : u;
}

Tensor dmi_from_joint(const Tensor& u, double epsilon) {
  return -log_abs_det(u, epsilon);
}

Tensor dmi(const Tensor& logits, const Tensor& labels, const DmiOptions& options) {
  return dmi_from_joint(joint_matrix(logits, labels, options.normalize), options.epsilon);
}

DmiLoss::DmiLoss(const DmiOptions& options) : options_(options) {
  check(std::isfinite(options.epsilon) && options.epsilon >= 0.0,
        "dmi: epsilon is {}, expected a finite number from 0 up", options.epsilon);
}

Tensor DmiLoss::operator()(const Tensor& logits, const Batch& batch) {
  return dmi(logits, batch.labels, options_);
}

bool DmiLoss::skips(const Batch& batch, int64_t classes) const {
  check(classes >= 2, "dmi: {} classes, expected at least 2", classes);
  std::vector<bool> present(static_cast<size_t>(classes), false);
  for (int32_t label : batch.host_labels) {
    check(label >= 0 && label < classes, "dmi: label {} lies outside [0, {})", label, classes);
    present[static_cast<size_t>(label)] = true;
  }
  return std::ranges::find(present, false) != present.end();
}

}  // namespace cofactor
