// Estimates of the joint distribution of given and true labels, from out-of-sample probabilities. docs/label_errors.md
// derives them and says what each assumes.
#pragma once

#include <vector>

#include "data/noise/labelled_predictions.h"
#include "data/noise/transition.h"

namespace cofactor {

// Q(y, c) = Pr[given label y, true class c], C x C.
class LabelJoint {
 public:
  // weights: row-major, row y is the given label; finite and from 0 up. They are divided by their sum. Throws Error for
  // another size, another number, and a sum of 0.
  LabelJoint(int64_t classes, std::vector<double> weights);

  int64_t classes() const { return classes_; }
  double at(int64_t given, int64_t true_class) const {
    return values_[static_cast<size_t>(given * classes_ + true_class)];
  }
  const std::vector<double>& values() const { return values_; }
  // Pr[true class c].
  std::vector<double> prior() const;
  // T(c, y) = Pr[given label y | true class c]; row c is the identity's where class c has no probability.
  Transition transition() const;
  // The share of labels that are wrong: 1 minus the diagonal's sum.
  double wrong_share() const;

 private:
  int64_t classes_;
  std::vector<double> values_;
};

// All throw Error as check_predictions does. Samples without a label are left out. Time is proportional to N C where
// nothing else is said, memory to C^2.

// U(c, y): the mean over the labelled samples of the probability of class c times 1[label is y], (C, C) row-major. It
// is L_DMI's joint matrix (losses/dmi.h) on the host.
std::vector<double> joint_of_outputs_and_labels(const LabelledPredictions& predictions);

// Confident learning (Northcutt, Jiang, Chuang: Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR
// 2021, section 3.1). The threshold of class c is the mean probability of c among the samples labelled c. A sample
// labelled y counts for (y, c) where c is the most probable of the classes whose probability reaches their threshold
// (up to 1e-6). Row y of the counts is then scaled to the number of labels y. A class that no label names has no
// threshold, so nothing is counted as it.
LabelJoint confident_joint(const LabelledPredictions& predictions);

// DMI's: Q(y, c) = U(c, y). True only for a perfect classifier: with Pr[output c | true class k] = K(c, k) the matrix
// describes K and the noise together, and a weak classifier's errors count as wrong labels.
LabelJoint joint_of_perfect_outputs(const LabelledPredictions& predictions);

struct CalibratedJoint {
  LabelJoint joint;
  double clipped = 0.0;  // the mean over T's rows of what was negative and set to 0: large where T is not to be trusted
};
// The same for outputs p that are not perfect but calibrated for the true class, p_c(x) = Pr[true class c | x]: then
// U = S T with S = E[p p^T], so T = S^-1 U, whatever the classifier's errors. Negative entries of the estimate are set
// to 0 and rows divided by their sum. Time up to N C^2 (entries below 1e-6 are skipped) and C^3. Throws Error where a
// class has no probability in any labelled sample, or where outputs do not tell two classes apart (S is singular, or
// its inverse amplifies by more than 1000).
CalibratedJoint joint_of_calibrated_outputs(const LabelledPredictions& predictions);

}  // namespace cofactor
