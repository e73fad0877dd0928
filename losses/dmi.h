// L_DMI, the determinant based mutual information loss (Xu, Cao, Kong, Wang, NeurIPS 2019).
//
// Definition (section 4.1; DMI is Definition 3.4). O (C x N) holds the classifier's outputs, one softmax distribution
// per column; L (N x C) the labels as they are given, noisy, one one-hot row per sample.
//
//   O_ci = softmax(z_i)_c      L_ic~ = 1[y_i = c~]      U = 1/N O L      loss = -log |det U|
//
// U_cc~ estimates the joint distribution Pr[h(X) = c, Y~ = c~] without bias: its entries are not negative and sum to 1.
//
// Gradient (docs/derivations.md, sections 3 and 4). dloss/dU = -cof(U) / det U = -U^-T, and all samples with one label
// share a column of it:
//
//   g_ci = dloss/dO_ci = -(U^-T)_{c, y_i} / N      dloss/dz_ic = O_ci (g_ci - sum_k O_ki g_ki)
//
// It explodes near a singular U, so training starts from a classifier that cross entropy has made informative. Dividing
// by N shifts the loss by C log N and leaves the gradient with respect to the logits as it is.
//
// Range (section 6). [-sum_c log p_c, +inf] where p_c is the share of label c, and -sum_c log p_c >= C log C: at best
// 1.386 for 2 and 23.03 for 10 balanced classes. +infinity where U is singular: where the outputs carry no information
// about some label. Without `normalize` all this is lower by C log N.
//
// Under label noise (section 7). Noise T that depends on the true label alone gives loss(Q T) = loss(Q) - log |det T|
// on joint distributions Q: a constant, and the same minimiser, whatever the noise (Theorem 4.1). A permutation of the
// outputs leaves the loss as it is, so a run can end with its classes exchanged.
//
// A class absent from the batch (section 5) makes U singular whatever the logits. The exact loss is then +infinity
// without a gradient, the smoothed one the constant -log epsilon: the batch carries no signal, and the whole step is
// skipped, since momentum and weight decay would move the weights even with a zero gradient.
//
// Precision. O L is summed in the logits' dtype; from U on everything is f64, and the exact form takes sign and
// log|det| from an LU, never the log of a determinant (section 4).
//
// The published code adds 0.001 to |det| (`epsilon`) and divides by N in one experiment only (`normalize`). Smoothing
// multiplies the exact gradient by |det U| / (|det U| + epsilon): with `normalize` and ten classes at most 1e-7.
//
// A logical batch (section 5). The loss depends on the batch through U alone, and U is a sum over samples. So U can be
// summed over several small batches, and dL/dU, computed once, gives the exact gradient of each.
#pragma once

#include "losses/loss.h"
#include "losses/loss_options.h"

namespace cofactor {

class Communicator;

struct DmiOptions {
  bool normalize = true;  // U = O L / N, the paper's; false: U = O L
  double epsilon = 0.0;   // added to |det U|; 0: the paper's loss
  int64_t batch = 0;      // the samples of U, where a trainer makes it of several small batches; 0: one batch

  bool operator==(const DmiOptions&) const = default;
  static std::vector<OptionMember<DmiOptions>> members();
};

// U (C, C) in f64: row c is the output's class, column c~ the label; its sum is 1, or N without `normalize`.
// logits (N, C) in f32 or f64, labels (N) i32 in [0, C), on one device; C >= 2. Throws Error for other shapes or
// dtypes. To combine parts of a data set (batches, ranks), add their joint matrices without `normalize` and divide the
// sum by the total N.
Tensor joint_matrix(const Tensor& logits, const Tensor& labels, bool normalize = true);

// -log(|det u| + epsilon), an f64 scalar, for u (C, C) in f64 and a finite epsilon >= 0. +infinity, with NaN gradients,
// where epsilon is 0 and u is singular; rounding may leave a singular u with a large finite loss instead (above about
// 30), and with a meaningless gradient. Check the value before using the gradient.
Tensor dmi_from_joint(const Tensor& u, double epsilon = 0.0);

// dmi_from_joint(joint_matrix(logits, labels, options.normalize), options.epsilon).
Tensor dmi(const Tensor& logits, const Tensor& labels, const DmiOptions& options = {});

// The loss of a batch that is divided over ranks, each of which has some of its samples: U is that of all samples. The
// same bits on all ranks. The gradient by a rank's logits is that of the whole batch's loss, so gradients by shared
// parameters are summed over ranks, not averaged (docs/distributed.md). All ranks have the same number of classes, and
// at least one sample. Throws Error as dmi does, and as Communicator does.
Tensor dmi(const Tensor& logits, const Tensor& labels, const DmiOptions& options, Communicator& ranks);

// The loss of a batch in parts. With several ranks each adds its own parts, and all call sum_over() before finish().
class DmiInParts : public LossInParts {
 public:
  explicit DmiInParts(const DmiOptions& options) : options_(options) {}

  // Throws Error as joint_matrix does, where the classes or the device differ from those of earlier parts, and after
  // finish().
  void add(const Tensor& logits, const Batch& part) override;
  // Adds the sum of O L over samples that another process has seen, (C, C) in f64.
  void add_sum(const Tensor& sum, int64_t samples);
  // Throws Error also where nothing was added.
  void sum_over(Communicator& ranks, int64_t copies = 1) override;
  // The sum of O L, in f64, and its number of samples so far.
  const Tensor& sum() const { return sum_; }
  int64_t samples() const { return samples_; }

  // Computes dL/dU. Throws Error where nothing was added.
  Tensor finish() override;
  // Throws Error before finish().
  Tensor part(const Tensor& logits, const Batch& part) override;

 private:
  DmiOptions options_;
  Tensor sum_;
  int64_t samples_ = 0, copies_ = 1;
  Tensor by_sum_;  // the gradient with respect to sum_
};

class DmiLoss : public Loss {
 public:
  // Throws Error where epsilon is negative or not finite, or batch not in [0, 10^9].
  explicit DmiLoss(const DmiOptions& options = {});
  std::string_view name() const override { return "dmi"; }
  Tensor operator()(const Tensor& logits, const Batch& batch) override;
  Tensor over_ranks(const Tensor& logits, const Batch& batch, Communicator& ranks) override;
  // A batch without a class has a constant loss.
  bool needs_every_class() const override { return true; }
  int64_t logical_batch() const override { return options_.batch; }
  std::unique_ptr<LossInParts> in_parts() const override { return std::make_unique<DmiInParts>(options_); }
  // Under a singular T the determinant is 0 whatever the network.
  std::string uninformative_under(const Transition& noise) const override;
  // Exchanging outputs changes the determinant's sign alone.
  bool depends_on_class_order() const override { return false; }
  Outputs outputs() const override { return Outputs::true_class; }
  Diagnosis diagnose_infinity() const override;
  const DmiOptions& options() const { return options_; }

 private:
  DmiOptions options_;
};

}  // namespace cofactor
