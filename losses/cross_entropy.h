// Cross entropy: the loss of every pre-training, and the distance-based loss that the paper argues against.
//
// Definition. With p_i = softmax(z_i) for the logits z_i of sample i and its label y_i,
//
//   L = 1/N sum_i -log p_i[y_i]
//
// Gradient (docs/derivations.md, section 2). dL/dz_ic = (p_ic - 1[c = y_i]) / N. Each row sums to 0: adding a constant
// to a sample's logits changes nothing. No entry exceeds 1/N.
//
// Range. [0, +inf). C classes with equal logits give log C; 0 is approached, never reached, as p_i[y_i] goes to 1.
//
// Under label noise. The expectation over noisy labels is minimised by p(x) = Pr[Y~ | x], the noisy posterior: with
// diagonally non-dominant noise its largest entry is the wrong class (paper, section 1 and section 5.1).
//
// Source. The negative log-likelihood of a categorical model; torch.nn.functional.cross_entropy.
#pragma once

#include "losses/loss.h"

namespace cofactor {

// The mean over the batch, a scalar in the logits' dtype. logits (N, C) in f32 or f64, labels (N) i32 in [0, C), on one
// device. Finite for finite logits, since log softmax is taken as a whole. Throws Error for other shapes or dtypes.
// Label values are not checked, since that would wait for the device.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels);

class CrossEntropyLoss : public Loss {
 public:
  std::string_view name() const override { return "ce"; }
  Tensor operator()(const Tensor& logits, const Batch& batch) override;
};

}  // namespace cofactor
