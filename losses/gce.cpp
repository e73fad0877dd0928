#include "losses/gce.h"

#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "losses/checks.h"

namespace cofactor {

namespace {

void check_options(const GceOptions& options) {
  check(options.q > 0.0 && options.q <= 1.0, "gce: q is {}, expected a number in (0, 1]", options.q);
  check(options.truncation >= 0.0 && options.truncation < 1.0, "gce: the truncation is {}, expected a number in [0, 1)",
        options.truncation);
}

}  // namespace

std::vector<OptionMember<GceOptions>> GceOptions::members() {
  return {{.name = "q", .flag = "--q", .help = "the loss is (1 - p^q) / q", .member = &GceOptions::q},
          {.name = "truncation",
           .flag = "--truncation",
           .help = "the loss is constant where p is at most this; 0: nowhere",
           .member = &GceOptions::truncation}};
}

Tensor gce(const Tensor& logits, const Tensor& labels, const GceOptions& options) {
  check_options(options);
  check_logits_and_labels("gce", logits, labels, 1);
  Tensor p_to_q = exp(options.q * gather(log_softmax(logits), labels));
  if (options.truncation > 0.0) {
    const double k_to_q = std::pow(options.truncation, options.q);
    p_to_q = relu(p_to_q - k_to_q) + k_to_q;  // max(p^q, k^q), without gradient where p <= k
  }
  return mean(-p_to_q + 1.0) / options.q;
}

GceLoss::GceLoss(const GceOptions& options) : options_(options) {
  check_options(options);
}

Tensor GceLoss::operator()(const Tensor& logits, const Batch& batch) {
  return gce(logits, batch.labels, options_);
}

}  // namespace cofactor
