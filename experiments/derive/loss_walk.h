// The parts of a loss's walk.
#pragma once

#include <memory>

#include "experiments/derive/loss_example.h"
#include "losses/make_loss.h"

namespace cofactor {

// A loss at an example.
struct LossPoint {
  std::string method;
  LossOptions options;
  LossExample example;
  Tensor logits;
  Batch batch;
  Numbers log_p, p;            // by the formula
  std::unique_ptr<Loss> loss;  // ready to be called

  int64_t samples() const { return example.samples(); }
  int64_t classes() const { return example.classes(); }
  // The value of an option, given or by default.
  double number(std::string_view option) const;
  int64_t whole(std::string_view option) const;
  bool flag(std::string_view option) const;
};

// A loss that is the mean over the samples of a function of log p and the label.
struct SampleLoss {
  // In terms of one sample, of which the index is left out.
  Formula value, by_log_p, by_logits;
  std::function<double(int64_t i)> value_of;
  std::function<double(int64_t i, int64_t c)> by_log_p_of, by_logits_of;
  // The losses (N) from log p (N, C), by the engine's ops.
  LossFunction from_log_p;
  // The size of the terms of by_logits.
  double scale = 1.0;
  // By what factor rounding errors of a matrix are enlarged in them.
  double condition = 1.0;
  // How far an element of the logits, or of log p, may move until the loss has a kink or jumps.
  std::function<double(int64_t i)> logits_smooth_within = {}, log_p_smooth_within = {};
  // What the differences with respect to the logits are taken of, where the loss itself is not a function of them
  // alone.
  LossFunction for_differences = {};
  std::vector<std::string> remarks = {};  // of the gradient with respect to the logits
};

// The loss that belongs to a point; adds what its formula needs (a transition matrix, say) to the walk first.
SampleLoss cross_entropy_formulas(const LossPoint& point, Walk& walk);
SampleLoss gce_formulas(const LossPoint& point, Walk& walk);
SampleLoss mae_formulas(const LossPoint& point, Walk& walk);
SampleLoss sce_formulas(const LossPoint& point, Walk& walk);
SampleLoss soft_bootstrap_formulas(const LossPoint& point, Walk& walk);
SampleLoss hard_bootstrap_formulas(const LossPoint& point, Walk& walk);
SampleLoss forward_correction_formulas(const LossPoint& point, Walk& walk);
SampleLoss backward_correction_formulas(const LossPoint& point, Walk& walk);
SampleLoss lccn_formulas(const LossPoint& point, Walk& walk);

// The last steps of LCCN's walk: the mean gradient, and the transition matrix after the step.
void walk_lccn_end(const LossPoint& point, Walk& walk);
// All steps of L_DMI's walk after the labels. Throws Error where U is singular and nothing is added to its determinant.
void walk_dmi(const LossPoint& point, Walk& walk);

}  // namespace cofactor
