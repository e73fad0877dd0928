// How believable each given label is. docs/label_errors.md derives the scores and compares them.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "data/noise/label_joint.h"

namespace cofactor {

enum class QualityScore {
  self_confidence,    // p_y: the probability of the given label y (Northcutt et al. 2021)
  normalized_margin,  // (p_y - max over k != y of p_k + 1) / 2 (the same); 1 where there is one class
  posterior,          // Pr[true class is y | x, given label y], by Bayes' rule with a transition matrix
};
// "self-confidence", "normalized-margin", "posterior".
std::string_view name_of(QualityScore score);
// Nothing for another name.
std::optional<QualityScore> parse_quality_score(std::string_view name);

// Of what the probabilities are the distribution.
enum class Outputs {
  given_label,  // trained to predict the labels as they are given: cross entropy, GCE, MAE, SCE, bootstrapping
  true_class,   // trained so that noise cancels: DMI, forward and backward correction, LCCN
};

// The quality of a missing label.
constexpr float kNoQuality = -1.0f;

// Self-confidence or normalised margin of each sample, in [0, 1]; kNoQuality where the label is missing. Throws Error
// as check_predictions does, and for QualityScore::posterior, which needs more (judge_labels).
std::vector<float> label_quality(const LabelledPredictions& predictions, QualityScore score);

// The distribution of one sample's true class, given its probabilities and its label. With T the transition matrix,
//   Pr[true class c | x, given y] = r_c T(c, y) / sum_k r_k T(k, y),   r_c = Pr[true class c | x].
// Where outputs are those of the true class, r = p. Where they are those of the given label, p = T^T r is solved for an
// r that is nowhere negative by 30 steps of expectation maximisation from r = p (Richardson 1972, Lucy 1974):
//   r_c <- r_c sum_k T(c, k) p_k / (T^T r)_k / sum_k T(c, k).
// With more than 32 classes this is solved among the 32 most probable and the given one; the others keep r = p. Time
// per sample is then O(C + 33^2).
class TrueClassPosterior {
 public:
  // `transition` must outlive this object.
  TrueClassPosterior(const Transition& transition, Outputs outputs);

  // Computes it. `label` is in [0, C). The results are valid until the next call.
  void compute(std::span<const float> probabilities, int32_t label);
  // (C): they sum to 1, or to 0 where neither the outputs nor the matrix allow this label.
  std::span<const double> probabilities() const { return posterior_; }
  // The label's own, in [0, 1]: the quality of the label.
  double of_label() const { return of_label_; }
  // sum_c r_c (1 - T(c, c)): the probability that a label of this sample is wrong, whatever it is.
  double wrong_before_label() const { return wrong_before_label_; }

 private:
  void choose_candidates(std::span<const float> probabilities, int32_t label);
  void gather_transition();
  void solve_for_true_class();

  const Transition& transition_;
  Outputs outputs_;
  std::vector<double> transposed_;                // T^T
  std::vector<double> kept_;                      // T's diagonal
  std::vector<int32_t> candidates_;               // the classes among which is solved
  std::vector<double> among_, among_transposed_;  // T and T^T between candidates_
  std::vector<double> row_sums_, p_, r_, mixed_, explained_, posterior_;
  double of_label_ = 0.0, wrong_before_label_ = 0.0;
};

// What the posterior says of all labels.
struct LabelJudgement {
  std::vector<float> quality;  // QualityScore::posterior of each sample; kNoQuality where the label is missing
  LabelJoint joint;            // the mean over the labelled samples of 1[given y] Pr[true class c | x, given y]
};
// `transition` has as many classes as the predictions; surest_transition(predictions) estimates it. Throws Error for
// another number of classes, and as check_predictions does.
LabelJudgement judge_labels(const LabelledPredictions& predictions, const Transition& transition, Outputs outputs);

}  // namespace cofactor
