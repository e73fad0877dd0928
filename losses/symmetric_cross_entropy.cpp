#include "losses/symmetric_cross_entropy.h"

#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "losses/checks.h"

namespace cofactor {

namespace {

void check_options(const SceOptions& options) {
  check(std::isfinite(options.alpha) && options.alpha >= 0.0, "sce: alpha is {}, expected a finite number from 0 up",
        options.alpha);
  check(std::isfinite(options.beta) && options.beta >= 0.0, "sce: beta is {}, expected a finite number from 0 up",
        options.beta);
  check(std::isfinite(options.log_zero) && options.log_zero < 0.0,
        "sce: log 0 is defined as {}, expected a finite number below 0", options.log_zero);
}

}  // namespace

std::vector<OptionMember<SceOptions>> SceOptions::members() {
  return {
      {.name = "alpha", .flag = "--sce-alpha", .help = "weight of cross entropy", .member = &SceOptions::alpha},
      {.name = "beta", .flag = "--sce-beta", .help = "weight of reverse cross entropy", .member = &SceOptions::beta},
      {.name = "log_zero", .flag = "--sce-log-zero", .help = "value of log 0", .member = &SceOptions::log_zero}};
}

Tensor symmetric_cross_entropy(const Tensor& logits, const Tensor& labels, const SceOptions& options) {
  check_options(options);
  check_logits_and_labels("sce", logits, labels, 1);
  const Tensor log_p = gather(log_softmax(logits), labels);
  const Tensor ce = -mean(log_p);
  const Tensor rce = -options.log_zero * mean(-exp(log_p) + 1.0);
  return options.alpha * ce + options.beta * rce;
}

SymmetricCrossEntropyLoss::SymmetricCrossEntropyLoss(const SceOptions& options) : options_(options) {
  check_options(options);
}

Tensor SymmetricCrossEntropyLoss::operator()(const Tensor& logits, const Batch& batch) {
  return symmetric_cross_entropy(logits, batch.labels, options_);
}

}  // namespace cofactor
