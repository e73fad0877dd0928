// Which labels are probably wrong: as many as an estimate of the joint distribution of given and true labels says.
#pragma once

#include <vector>

#include "data/noise/label_joint.h"

namespace cofactor {

// n(y, c), (C, C) row-major: how many of the samples labelled y are of class c, for c != y; 0 on the diagonal. It is
// the number of labelled samples times Q(y, c), in whole numbers: each row's sum is rounded to the nearest, at most the
// number of labels y, and shared out by the largest remainders (the lower class first), so that many small entries of
// one class do not all become 0.
std::vector<int64_t> wrong_label_counts(const LabelledPredictions& predictions, const LabelJoint& joint);

// Northcutt et al. 2021, section 3.2, "prune".
enum class SuspectRule {
  by_class,  // of the samples labelled y, the sum over c of n(y, c) with the lowest quality
  by_pair,   // of the samples labelled y, for each c the n(y, c) with the largest p_c - p_y ("by noise rate")
  both,      // those that both rules name
};

// Whether each sample is a suspect, 1 or 0; 0 where the label is missing. quality: as label_quality or judge_labels
// return it; by_pair does not use it. Among equals the earlier sample is the suspect. Time is proportional to N C at
// most. Throws Error where sizes differ, where a quality of a labelled sample is not in [0, 1], and as
// check_predictions does.
std::vector<uint8_t> suspect_labels(const LabelledPredictions& predictions, const LabelJoint& joint,
                                    const std::vector<float>& quality, SuspectRule rule);

}  // namespace cofactor
