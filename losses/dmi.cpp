#include "losses/dmi.h"

#include <cmath>

#include "engine/autograd.h"
#include "engine/distributed/all_reduce_sum.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "engine/ops/log_abs_det.h"
#include "engine/ops/matmul.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "losses/checks.h"

namespace cofactor {
namespace {

constexpr int64_t kMaxBatch = 1'000'000'000;

}  // namespace

std::vector<OptionMember<DmiOptions>> DmiOptions::members() {
  return {{.name = "normalize",
           .flag = "--no-normalize",
           .help = "use U = O L in place of O L / N, as most of the published code does",
           .member = &DmiOptions::normalize},
          {.name = "epsilon",
           .flag = "--epsilon",
           .help = "added to |det U|; the published code adds 0.001",
           .member = &DmiOptions::epsilon,
           .default_text = "0, the paper's"},
          {.name = "batch",
           .flag = kLogicalBatchFlag,
           .help = "samples of a logical batch, of which U is made; it is computed in parts of at most --batch-size",
           .member = &DmiOptions::batch,
           .default_text = "none: U is of --batch-size",
           .only_if_set = true}};
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

Tensor dmi(const Tensor& logits, const Tensor& labels, const DmiOptions& options, Communicator& ranks) {
  const Tensor sum = all_reduce_sum(joint_matrix(logits, labels, false), ranks);
  const int64_t samples = ranks.all_reduce(logits.dim(0));
  return dmi_from_joint(options.normalize ? sum / static_cast<double>(samples) : sum, options.epsilon);
}

void DmiInParts::add(const Tensor& logits, const Batch& part) {
  add_sum(joint_matrix(logits.detach(), part.labels, false), logits.dim(0));
}

void DmiInParts::add_sum(const Tensor& sum, int64_t samples) {
  check(!by_sum_.defined(), "dmi: a part is added after the gradient of the whole batch was computed");
  check(sum.defined() && sum.dtype() == DType::f64 && sum.rank() == 2 && sum.dim(0) == sum.dim(1),
        "dmi: the sum of O L is not a square matrix in f64");
  check(samples >= 1, "dmi: the sum of O L over {} samples, expected at least 1", samples);
  if (sum_.defined()) {
    check(sum.shape() == sum_.shape(), "dmi: a part has {} classes, those before it {}", sum.dim(0), sum_.dim(0));
  }
  const NoGrad no_grad;
  sum_ = sum_.defined() ? sum_ + sum : sum.detach();
  samples_ += samples;
}

void DmiInParts::sum_over(Communicator& ranks, int64_t copies) {
  check(sum_.defined(), "dmi: the loss of a batch of which this rank (rank {} of {}) has no sample", ranks.rank(),
        ranks.size());
  check(!by_sum_.defined(), "dmi: ranks are summed after the gradient of the whole batch was computed");
  sum_ = sum_.clone();
  ranks.all_reduce(sum_);
  samples_ = ranks.all_reduce(samples_);
  copies_ = copies;
}

Tensor DmiInParts::finish() {
  check(sum_.defined(), "dmi: the loss of a batch without parts");
  Tensor leaf = sum_.clone();
  leaf.set_requires_grad(true);
  const Tensor u = leaf / static_cast<double>(options_.normalize ? samples_ : copies_);
  const Tensor loss = dmi_from_joint(u, options_.epsilon);
  backward(loss);
  by_sum_ = leaf.grad();
  return loss.detach();
}

Tensor DmiInParts::part(const Tensor& logits, const Batch& part) {
  check(by_sum_.defined(), "dmi: the gradient of a part is asked for before the loss of the whole batch");
  return cofactor::sum(by_sum_ * joint_matrix(logits, part.labels, false));
}

DmiLoss::DmiLoss(const DmiOptions& options) : options_(options) {
  check(std::isfinite(options.epsilon) && options.epsilon >= 0.0,
        "dmi: epsilon is {}, expected a finite number from 0 up", options.epsilon);
  check(options.batch >= 0 && options.batch <= kMaxBatch, "dmi: a logical batch of {} samples, expected 0 to {}",
        options.batch, kMaxBatch);
}

Tensor DmiLoss::operator()(const Tensor& logits, const Batch& batch) {
  return dmi(logits, batch.labels, options_);
}

Tensor DmiLoss::over_ranks(const Tensor& logits, const Batch& batch, Communicator& ranks) {
  check(batch.whole != nullptr, "dmi: the batch is not a share of one that ranks divide");
  const Tensor sum = all_reduce_sum(joint_matrix(logits, batch.labels, false), ranks);
  const int64_t divisor = options_.normalize ? batch.whole->shared_out : batch.whole->copies();
  return dmi_from_joint(sum / static_cast<double>(divisor), options_.epsilon);
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
