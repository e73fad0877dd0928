// Generalised cross entropy: between cross entropy, which learns fast, and the mean absolute error, which tolerates
// noise (Zhang & Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels, NeurIPS
// 2018).
//
// Definition (their section 3.2). With p = softmax(z_i)[y_i] the probability of sample i's label, and 0 < q <= 1,
//
//   L_q = (1 - p^q) / q                 L = 1/N sum_i L_q
//
// As q -> 0 it goes to cross entropy; at q = 1 it is 1 - p, half of the mean absolute error between softmax and one-hot
// label (losses/mae.h), though the paper calls it MAE.
//
// Gradient (docs/derivations_baselines.md, section 2). dL/dz_ic = p^q (p_ic - 1[c = y_i]) / N: cross entropy's, each
// sample weighted by p^q, so that a label counts little where the network gives it a low probability. p^q is
// exp(q log p) from log softmax, so the gradient is finite where p underflows. 1 - p^q loses digits where q is small:
// an absolute error of about rounding / q.
//
// Range. [0, 1/q).
//
// Truncated (their section 3.3). L_q(k) where p <= k: such a sample has no gradient; it is pruned as an outlier. The
// paper decides about all samples now and then, between epochs; here the loss decides at every step from the current p.
//
// Under label noise. The uniform-noise bound of the paper's Theorem 1 vanishes at q = 1 only, and needs the right label
// to be the most frequent one in every class: with diagonally non-dominant noise this loss is minimised by the wrong
// class, like every distance-based loss (paper, section 1).
#pragma once

#include "losses/loss.h"
#include "losses/loss_options.h"

namespace cofactor {

struct GceOptions {
  double q = 0.7;           // (0, 1]; the paper's and the published code's value
  double truncation = 0.0;  // k in [0, 1): L_q(k) where p <= k; 0: off (the paper's truncated variant has 0.5)

  bool operator==(const GceOptions&) const = default;
  static std::vector<OptionMember<GceOptions>> members();
};

// The mean over the batch, a scalar in the logits' dtype. logits (N, C) in f32 or f64, labels (N) i32 in [0, C), on one
// device. Throws Error for other shapes or dtypes and for options outside their ranges.
Tensor gce(const Tensor& logits, const Tensor& labels, const GceOptions& options = {});

class GceLoss : public Loss {
 public:
  // Throws Error for options outside their ranges.
  explicit GceLoss(const GceOptions& options = {});
  std::string_view name() const override { return "gce"; }
  Tensor operator()(const Tensor& logits, const Batch& batch) override;
  const GceOptions& options() const { return options_; }

 private:
  GceOptions options_;
};

}  // namespace cofactor
