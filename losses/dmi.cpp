#include "losses/dmi.h"

#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "engine/ops/log_abs_det.h"
#include "engine/ops/matmul.h"
#include "engine/ops/softmax.h"
#include "losses/checks.h"

namespace cofactor {

std::vector<OptionMember<DmiOptions>> DmiOptions::members() {
  return {{.name = "normalize",
           .flag = "--no-normalize",
           .help = "use U = O L in place of O L / N, as most of the published code does",
           .member = &DmiOptions::normalize},
          {.name = "epsilon",
           .flag = "--epsilon",
           .help = "added to |det U|; the published code adds 0.001",
           .member = &DmiOptions::epsilon,
           .default_text = "0, the paper's"}};
}

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

std::string DmiLoss::uninformative_under(const Transition& noise) const {
  if (!noise.is_singular()) return {};
  return "the transition matrix is singular, so the noisy labels do not distinguish the classes and the loss is "
         "infinite "
         "for every network";
}

Loss::Diagnosis DmiLoss::diagnose_infinity() const {
  return {.cause = "U is singular: the network's outputs do not distinguish the noisy classes",
          .remedy = "smooth with --epsilon 0.001"};
}

}  // namespace cofactor
