// Symmetric cross entropy: cross entropy, and the same with label and output exchanged (Wang, Ma, Chen, Luo, Yi,
// Bailey, Symmetric Cross Entropy for Robust Learning with Noisy Labels, ICCV 2019).
//
// Definition. With p_i = softmax(z_i), the label y_i and its one-hot distribution t_i,
//
//   CE  = -sum_c t_ic log p_ic = -log p_i[y_i]
//   RCE = -sum_c p_ic log t_ic = -A (1 - p_i[y_i]),   where log 0 is defined as A < 0 (log 1 is 0)
//   L   = 1/N sum_i alpha CE + beta RCE
//
// RCE is -A / 2 times the mean absolute error (losses/mae.h).
//
// Gradient (docs/derivations_baselines.md). dL/dz_ic = (alpha - beta A p_i[y_i]) (p_ic - 1[c = y_i]) / N: cross
// entropy's, with a weight that grows with the label's probability.
//
// Range. [0, +inf).
//
// Under label noise. RCE alone tolerates noise exactly where the mean absolute error does (losses/mae.h); the cross
// entropy, which is added for classes that are hard to learn, takes some of it back. Neither survives diagonally
// non-dominant noise.
//
// Values. alpha = 0.1 and beta = 1 are the paper's for CIFAR-10. beta and A enter as their product alone: the published
// PyTorch code, which clips the one-hot label at 1e-4, has A = log 1e-4 = -9.21.
#pragma once

#include "losses/loss.h"
#include "losses/loss_options.h"

namespace cofactor {

struct SceOptions {
  double alpha = 0.1;      // of cross entropy, from 0 up
  double beta = 1.0;       // of reverse cross entropy, from 0 up
  double log_zero = -4.0;  // A, below 0

  bool operator==(const SceOptions&) const = default;
  static std::vector<OptionMember<SceOptions>> members();
};

// The mean over the batch, a scalar in the logits' dtype. logits (N, C) in f32 or f64, labels (N) i32 in [0, C), on one
// device. Throws Error for other shapes or dtypes and for options outside their ranges.
Tensor symmetric_cross_entropy(const Tensor& logits, const Tensor& labels, const SceOptions& options = {});

class SymmetricCrossEntropyLoss : public Loss {
 public:
  // Throws Error for options outside their ranges.
  explicit SymmetricCrossEntropyLoss(const SceOptions& options = {});
  std::string_view name() const override { return "sce"; }
  Tensor operator()(const Tensor& logits, const Batch& batch) override;
  const SceOptions& options() const { return options_; }

 private:
  SceOptions options_;
};

}  // namespace cofactor
