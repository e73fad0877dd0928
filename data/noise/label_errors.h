// The label errors of a data set, from out-of-sample probabilities alone: what `train` reports. docs/label_errors.md.
#pragma once

#include "data/noise/label_quality.h"
#include "data/noise/label_suspects.h"
#include "data/noise/wrong_labels.h"

namespace cofactor {

struct LabelErrorOptions {
  Outputs outputs = Outputs::given_label;
  SuspectRule rule = SuspectRule::by_class;
  int draws = 50;  // of the interval, 20 or more
  uint64_t seed = 1;
};

struct LabelErrors {
  Transition transition;         // surest_transition
  LabelJudgement judgement;      // by that matrix
  WrongLabels wrong;             // count is the sum of 1 - quality over the labelled samples
  std::vector<uint8_t> suspect;  // suspect_labels with judgement.joint and judgement.quality
};

// Time is that of judge_labels and of count_wrong_labels. Throws Error as check_predictions does and where there are
// fewer than 20 draws.
LabelErrors find_label_errors(const LabelledPredictions& predictions, const LabelErrorOptions& options = {});

}  // namespace cofactor
