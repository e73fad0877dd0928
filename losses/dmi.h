// L_DMI, the determinant based mutual information loss (Xu, Cao, Kong, Wang, NeurIPS 2019).
//
// Definition (section 4.1; DMI is Definition 3.4). O (C x N) holds the classifier's outputs, one softmax distribution a
// column; L (N x C) the labels, one one-hot row a sample, as they are given: noisy.
//
//   O_ci = softmax(z_i)_c      L_ic~ = 1[y_i = c~]      U = 1/N O L      loss = -log |det U|
//
// U_cc~ = 1/N sum_{i: y_i = c~} O_ci estimates the joint distribution Q_cc~ = Pr[h(X) = c, Y~ = c~] without bias:
// E U = Q. Its entries are not negative and sum to 1. (The log of its determinant is biased; see Theorem 4.1 below.)
//
// Gradient by U. Expanding det U along row c, det U = sum_k U_ck cof(U)_ck, where cof(U)_cc~ does not contain U_cc~:
//
//   d det U / dU_cc~ = cof(U)_cc~     and     U^-T = cof(U) / det U,     so
//   dloss/dU = -cof(U) / det U = -U^-T                                   (the paper's footnote 2)
//
// The same holds for c |det U| with any constant c, so dividing by N shifts the loss by C log N and leaves the gradient
// by the logits as it is.
//
// Gradient by the outputs. O_ci enters U in row c alone, and there in column y_i alone, with weight 1/N:
//
//   g_ci = dloss/dO_ci = sum_c~ (dloss/dU_cc~) L_ic~ / N = -(U^-T)_{c, y_i} / N
//
// All samples of one label share one g: it is column y of -U^-T / N. Through the softmax,
//
//   dloss/dz_ic = O_ci (g_ci - sum_k O_ki g_ki).
//
// Each row sums to 0, as for every function of a softmax. Near a singular U the gradient explodes like the inverse,
// which is why training starts from a classifier that cross entropy has made informative.
//
// Range. Let p_c~ be the batch's share of label c~, and A = U diag(p)^-1, whose column c~ is the mean output over the
// samples of that label. |det A| <= 1, as for every matrix whose columns are distributions: |det A| is at most the sum
// over permutations f of prod_j A_{f(j) j}, and the sum over ALL maps f is prod_j sum_i A_ij = 1. It is 1 only where A
// is a permutation. Since prod p <= C^-C (arithmetic and geometric mean),
//
//   loss = -log |det A| - sum_c log p_c  >=  -sum_c log p_c  >=  C log C
//
// with equality on the left exactly where the outputs give each label a class of its own with certainty, and on the
// right where the labels are balanced. So 1.386 for 2 classes and 23.03 for 10 are the best there are on balanced
// labels. The loss is +infinity where U is singular: where the outputs carry no information about some label. Not
// normalised, all this is lower by C log N, and may be negative.
//
// Class order. A permutation P of the outputs' classes makes U into P U, and |det P| = 1: the loss does not know which
// output stands for which class. A run can end with classes exchanged.
//
// Theorem 4.1. Noise that depends on the true label alone makes Q into Q T, T(y, y~) = Pr[Y~ = y~ | Y = y]. Therefore
// loss(Q T) = loss(Q) - log |det T|: a constant shift up, whatever the noise, and the same minimiser. (The paper's
// proof prints a plus.) It is exact on joint distributions; on samples it holds as N grows. docs/derivations.md has the
// rest.
//
// A class absent from the batch. If no sample has label j, column j of U is 0, whatever the logits. Then det U = 0:
//   - exact (epsilon 0): the loss is +infinity and has no gradient (U^-T is NaN).
//   - smoothed, -log(|det U| + epsilon): the loss is -log epsilon whatever the logits, a constant, so its gradient is
//     exactly zero for every epsilon > 0. The same from the chain rule: dloss/dU = -s cof(U) / epsilon, with s in
//     [-1, 1] for the slope of |.| at 0. A cofactor of column k != j is a determinant that still contains the zero
//     column, so cof(U) is non-zero in column j only. By the outputs, g_ci = -s cof(U)_{c, y_i} / (epsilon N) reads
//     column y_i, and no y_i is j. With two classes absent cof(U) is 0 altogether.
// Either way the batch teaches nothing. DmiLoss::skips says so from the labels, so that the whole step is left out:
// momentum and weight decay would move the weights even with a zero gradient.
//
// Why f64. |det U| is at most C^-C (1e-10 for ten classes; for 30 below what f32 can hold), and the inverse multiplies
// rounding errors by U's condition number. O L is summed in the logits' dtype, since the fast backends multiply
// matrices in f32; from U on everything is f64, and the exact form takes sign and log|det| from an LU, never the log of
// a determinant.
//
// The published code's variants. It adds 0.001 to |det| (`epsilon`), and divides by N in one experiment only
// (`normalize`). Smoothing is the exact gradient times |det U| / (|det U| + epsilon): with `normalize` and ten classes
// at most 1e-10 / 0.001, that is, next to nothing. Without `normalize` |det O L| = N^C |det U| is usually far above
// 0.001.
#pragma once

#include "losses/loss.h"
#include "losses/loss_options.h"

namespace cofactor {

struct DmiOptions {
  bool normalize = true;  // U = O L / N, the paper's; false: U = O L
  double epsilon = 0.0;   // added to |det U|; 0: the paper's loss

  bool operator==(const DmiOptions&) const = default;
  static std::vector<OptionMember<DmiOptions>> members();
};

// U (C, C) in f64: row c is the output's class, column c~ the label; its sum is 1, or N without `normalize`.
// logits (N, C) in f32 or f64, labels (N) i32 in [0, C), on one device; C >= 2. Throws Error for other shapes or
// dtypes. Joint matrices without `normalize` add up over parts of a data set (batches, ranks): divide the sum by the
// total N.
Tensor joint_matrix(const Tensor& logits, const Tensor& labels, bool normalize = true);

// -log(|det u| + epsilon), an f64 scalar, for u (C, C) in f64 and a finite epsilon >= 0. +infinity, with NaN gradients,
// where epsilon is 0 and u is singular; rounding may leave a singular u with a large finite loss instead (above 30 or
// so), and with a gradient that means nothing. Callers look at the value before they use the gradient.
Tensor dmi_from_joint(const Tensor& u, double epsilon = 0.0);

// dmi_from_joint(joint_matrix(logits, labels, options.normalize), options.epsilon).
Tensor dmi(const Tensor& logits, const Tensor& labels, const DmiOptions& options = {});

class DmiLoss : public Loss {
 public:
  // Throws Error where epsilon is negative or not finite.
  explicit DmiLoss(const DmiOptions& options = {});
  std::string_view name() const override { return "dmi"; }
  Tensor operator()(const Tensor& logits, const Batch& batch) override;
  // A batch without a class has a constant loss.
  bool needs_every_class() const override { return true; }
  // Under a singular T the determinant is 0 whatever the network.
  std::string uninformative_under(const Transition& noise) const override;
  // Exchanging outputs changes the determinant's sign alone.
  bool depends_on_class_order() const override { return false; }
  Diagnosis diagnose_infinity() const override;
  const DmiOptions& options() const { return options_; }

 private:
  DmiOptions options_;
};

}  // namespace cofactor
