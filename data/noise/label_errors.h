// The label errors of a data set, from out-of-sample probabilities alone: what `train` reports. docs/label_errors.md.
#pragma once

#include "data/noise/label_quality.h"
#include "data/noise/label_suspects.h"

namespace cofactor {

struct LabelErrorOptions {
  Outputs outputs = Outputs::given_label;
  SuspectRule rule = SuspectRule::by_class;
  int draws = 200;  // of the interval, 20 or more
  uint64_t seed = 1;
};

// An estimated number of wrong labels, and the interval that contains the true number with a probability of 95% if the
// probabilities are calibrated and the surest samples are of the classes they seem to be.
struct WrongLabels {
  double count = 0.0, low = 0.0, high = 0.0;
};

struct LabelErrors {
  Transition transition;         // surest_transition
  LabelJudgement judgement;      // by that matrix
  WrongLabels wrong;             // count is the sum of 1 - quality over the labelled samples
  std::vector<uint8_t> suspect;  // suspect_labels with judgement.joint and judgement.quality
};

// The interval is a bootstrap: each draw takes the labels of the surest samples anew from themselves, with replacement,
// shrinks a matrix from them, and judges up to 2,000 samples, evenly spaced, with it; to the change against the
// estimate it adds the spread of the labels themselves, a normal draw of variance sum quality (1 - quality). The
// interval is the count minus the 97.5th and the 2.5th percentile of these changes, within [0, number of labels] (the
// basic interval of Davison and Hinkley 1997, section 5.2): a matrix that is not exact mostly lowers the count, and so
// it reaches further up. It says nothing of a classifier that is wrong in a way of its own. Time is that of one
// judgement plus `draws` judgements of 2,000 samples. The same seed gives the same numbers. Throws Error as
// check_predictions does and where there are fewer than 20 draws.
LabelErrors find_label_errors(const LabelledPredictions& predictions, const LabelErrorOptions& options = {});

}  // namespace cofactor
