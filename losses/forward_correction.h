// Forward correction: cross entropy of the noisy label under the noisy distribution that the output implies (Patrini et
// al. 2017, Theorem 2).
//
// Definition. With p = softmax(z_i) over the true classes, the noisy label y_i and T(c, y) = Pr[label y | class c],
//
//   L = 1/N sum_i -log sum_c p_c T(c, y_i).
//
// In log space, -logsumexp_c(log p_c + log T(c, y_i)), so that nothing underflows however certain the network is.
//
// Gradient (docs/derivations_baselines.md, section 5). With w_c = p_c T(c, y) / sum_k p_k T(k, y), the probability of
// the true class c given the output and the label (Bayes),
//
//   dL/dz_ic = (p_ic - w_ic) / N:
//
// cross entropy towards the classes that the label may stand for. T = I makes w one-hot, and the loss cross entropy.
//
// Range. [-log max_c T(c, y), +inf) for label y.
//
// Under label noise. If T is the true noise and invertible, the expectation over noisy labels is least at
// p(x) = Pr[Y | x], for every noise, diagonally non-dominant or not: the clean minimiser. All depends on T. An estimate
// takes the network's most confident sample for a certain one.
//
// Zeros of T. log T is then -infinity: class c has w_c = 0, exactly. If T gives a label probability 0 for every class,
// the data contradict T, and the loss would be +infinity whatever the logits, without a gradient. Such a sample counts
// 708.4 = -log of the smallest normal f64 instead, and its gradient is 0 but for rounding: the run goes on without it,
// and the loss shows that it is there.
//
// The estimate (data/noise/estimate.h) is the protocol's and the published DMI code's: row i is the softmax output of
// the training sample with the highest probability of class i. (Patrini et al. take the 97th percentile of that
// probability in most experiments.)
#pragma once

#include "losses/loss_correction.h"

namespace cofactor {

// The mean over the batch, a scalar in the logits' dtype. logits (N, C) in f32 or f64, labels (N) i32 in [0, C), on one
// device. Throws Error for other shapes or dtypes and where T has other than C classes.
Tensor forward_correction(const Tensor& logits, const Tensor& labels, const Transition& transition);

class ForwardCorrectionLoss : public LossCorrection {
 public:
  // Without a matrix it is estimated.
  explicit ForwardCorrectionLoss(const LossCorrectionOptions& options = {});
  std::string_view name() const override { return "fw"; }
  Tensor operator()(const Tensor& logits, const Batch& batch) override;
};

}  // namespace cofactor
