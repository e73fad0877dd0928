// Bootstrapping: the label is mixed with what the network predicts (Reed, Lee, Anguelov, Szegedy, Erhan, Rabinovich,
// Training Deep Neural Networks on Noisy Labels with Bootstrapping, ICLR 2015 workshop; arXiv 2014).
//
// Definition (their section 3.2). With p = softmax(z_i), the label y_i, and the target's share beta of the label,
//
//   soft:  L = 1/N sum_i -sum_c (beta 1[c = y_i] + (1 - beta) p_c) log p_c
//   hard:  L = 1/N sum_i -sum_c (beta 1[c = y_i] + (1 - beta) 1[c = argmax p]) log p_c
//
// Soft is beta times cross entropy plus 1 - beta times the output's entropy H(p): the minimum entropy regularisation
// that the paper speaks of. For this the target's p must have a gradient too, so it is not detached.
//
// Gradient (docs/derivations_baselines.md, section 4).
//
//   soft:  dL/dz_ic = (beta (p_c - 1[c = y_i]) - (1 - beta) p_c (log p_c + H)) / N
//   hard:  dL/dz_ic = (p_c - beta 1[c = y_i] - (1 - beta) 1[c = argmax p]) / N
//
// Hard is cross entropy towards a mixed label. It jumps where two classes tie; the first of them is taken.
//
// Range. [0, +inf).
//
// Under label noise. The label's share of the target is smaller where network and label disagree, which helps against
// labels that contradict what was learned from the others. Nothing distinguishes noise from a class: with diagonally
// non-dominant noise the network predicts the wrong class, and is confirmed.
#pragma once

#include "losses/loss.h"
#include "losses/loss_options.h"

namespace cofactor {

// The defaults are the paper's.
struct SoftBootstrapOptions {
  double beta = 0.95;  // the label's share of the target, in [0, 1]

  bool operator==(const SoftBootstrapOptions&) const = default;
  static std::vector<OptionMember<SoftBootstrapOptions>> members();
};
struct HardBootstrapOptions {
  double beta = 0.8;

  bool operator==(const HardBootstrapOptions&) const = default;
  static std::vector<OptionMember<HardBootstrapOptions>> members();
};

// The mean over the batch, a scalar in the logits' dtype. logits (N, C) in f32 or f64, labels (N) i32 in [0, C), on one
// device. Throws Error for other shapes or dtypes and for a beta outside [0, 1].
Tensor soft_bootstrap(const Tensor& logits, const Tensor& labels, double beta);
Tensor hard_bootstrap(const Tensor& logits, const Tensor& labels, double beta);

class SoftBootstrapLoss : public Loss {
 public:
  // Throws Error for a beta outside [0, 1].
  explicit SoftBootstrapLoss(const SoftBootstrapOptions& options = {});
  std::string_view name() const override { return "bootstrap-soft"; }
  Tensor operator()(const Tensor& logits, const Batch& batch) override;
  const SoftBootstrapOptions& options() const { return options_; }

 private:
  SoftBootstrapOptions options_;
};

class HardBootstrapLoss : public Loss {
 public:
  // Throws Error for a beta outside [0, 1].
  explicit HardBootstrapLoss(const HardBootstrapOptions& options = {});
  std::string_view name() const override { return "bootstrap-hard"; }
  Tensor operator()(const Tensor& logits, const Batch& batch) override;
  const HardBootstrapOptions& options() const { return options_; }

 private:
  HardBootstrapOptions options_;
};

}  // namespace cofactor
