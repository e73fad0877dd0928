#include "losses/bootstrapping.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "losses/checks.h"

namespace cofactor {

namespace {

void check_beta(std::string_view loss, double beta) {
  check(beta >= 0.0 && beta <= 1.0, "{}: beta is {}, expected a number in [0, 1]", loss, beta);
}

}  // namespace

std::vector<OptionMember<SoftBootstrapOptions>> SoftBootstrapOptions::members() {
  return {{.name = "beta",
           .flag = "--soft-beta",
           .help = "weight of the label, beside that of the prediction",
           .member = &SoftBootstrapOptions::beta}};
}

std::vector<OptionMember<HardBootstrapOptions>> HardBootstrapOptions::members() {
  return {{.name = "beta",
           .flag = "--hard-beta",
           .help = "weight of the label, beside that of the prediction",
           .member = &HardBootstrapOptions::beta}};
}

Tensor soft_bootstrap(const Tensor& logits, const Tensor& labels, double beta) {
  check_beta("bootstrap-soft", beta);
  check_logits_and_labels("bootstrap-soft", logits, labels, 1);
  const Tensor log_p = log_softmax(logits);
  const Tensor cross_entropy = -gather(log_p, labels);
  const Tensor entropy = -sum(exp(log_p) * log_p, {1});
  return mean(beta * cross_entropy + (1.0 - beta) * entropy);
}

Tensor hard_bootstrap(const Tensor& logits, const Tensor& labels, double beta) {
  check_beta("bootstrap-hard", beta);
  check_logits_and_labels("bootstrap-hard", logits, labels, 1);
  const Tensor log_p = log_softmax(logits);
  return -mean(beta * gather(log_p, labels) + (1.0 - beta) * gather(log_p, argmax(logits)));
}

SoftBootstrapLoss::SoftBootstrapLoss(const SoftBootstrapOptions& options) : options_(options) {
  check_beta("bootstrap-soft", options.beta);
}

Tensor SoftBootstrapLoss::operator()(const Tensor& logits, const Batch& batch) {
  return soft_bootstrap(logits, batch.labels, options_.beta);
}

HardBootstrapLoss::HardBootstrapLoss(const HardBootstrapOptions& options) : options_(options) {
  check_beta("bootstrap-hard", options.beta);
}

Tensor HardBootstrapLoss::operator()(const Tensor& logits, const Batch& batch) {
  return hard_bootstrap(logits, batch.labels, options_.beta);
}

}  // namespace cofactor
