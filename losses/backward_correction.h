// Backward correction: a combination of cross entropies whose expectation over noisy labels is the clean one (Patrini
// et al. 2017, Theorem 1).
//
// Definition. With p = softmax(z_i), the noisy label y_i and T(c, y) = Pr[label y | class c],
//
//   L = 1/N sum_i sum_j T^-1(y_i, j) (-log p_j).
//
// The losses of all labels form a vector l; T^-1 l is what is read at y_i.
//
// Gradient (docs/derivations_baselines.md, section 6). dL/dz_ic = (p_ic - T^-1(y_i, c)) / N: cross entropy towards a
// "distribution" with entries below 0 and above 1.
//
// Range. (-inf, +inf): where T^-1 has a negative entry, the loss falls without bound as p at that class goes to 0. A
// network that fits every sample gets there.
//
// Under label noise. The expectation over the noise is the clean loss of every sample, whatever the noise. Its variance
// grows with T^-1, which is what the error about a matrix that is singular or nearly so is for.
//
// The matrix is given or estimated as in forward correction (losses/forward_correction.h).
#pragma once

#include "losses/loss_correction.h"

namespace cofactor {

// The mean over the batch, a scalar in the logits' dtype. logits (N, C) in f32 or f64, labels (N) i32 in [0, C), on one
// device. Throws Error for other shapes or dtypes, where T has other than C classes, and where it is singular (its
// inverse amplifies by more than 1e6).
Tensor backward_correction(const Tensor& logits, const Tensor& labels, const Transition& transition);

class BackwardCorrectionLoss : public LossCorrection {
 public:
  // Without a matrix it is estimated. Throws Error where the given one is singular.
  explicit BackwardCorrectionLoss(const LossCorrectionOptions& options = {});
  std::string_view name() const override { return "bw"; }
  Tensor operator()(const Tensor& logits, const Batch& batch) override;
};

}  // namespace cofactor
