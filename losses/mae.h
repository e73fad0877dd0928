// Mean absolute error between softmax output and one-hot label (Ghosh, Kumar, Sastry, Robust Loss Functions under Label
// Noise for Deep Neural Networks, AAAI 2017).
//
// Definition. With p_i = softmax(z_i) and the label y_i, the absolute errors summed over the classes:
//
//   L = 1/N sum_i sum_c |1[c = y_i] - p_ic| = 1/N sum_i 2 (1 - p_i[y_i])
//
// Twice generalised cross entropy at q = 1 (losses/gce.h).
//
// Gradient (docs/derivations_baselines.md). dL/dz_ic = 2 p_i[y_i] (p_ic - 1[c = y_i]) / N. It vanishes both where the
// label is certain and where it is excluded: a sample that the network gets wrong with confidence is not learned, be
// its label noise or hard. This is why it trains slowly from scratch.
//
// Range. [0, 2].
//
// Under label noise (section 1 there). Uniform noise of rate below (C - 1) / C leaves the minimiser as it is (Ghosh et
// al., Theorem 1). Class-conditional noise is tolerated if every class keeps its own label more often than it gets any
// other one (their Theorem 3, where the clean minimum is 0); diagonally non-dominant noise is not.
#pragma once

#include "losses/loss.h"

namespace cofactor {

// The mean over the batch, a scalar in the logits' dtype. logits (N, C) in f32 or f64, labels (N) i32 in [0, C), on one
// device. Throws Error for other shapes or dtypes.
Tensor mean_absolute_error(const Tensor& logits, const Tensor& labels);

class MaeLoss : public Loss {
 public:
  std::string_view name() const override { return "mae"; }
  Tensor operator()(const Tensor& logits, const Batch& batch) override;
};

}  // namespace cofactor
