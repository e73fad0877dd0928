// How many labels are wrong, with an interval that is honest about the classifier. docs/label_errors.md.
#pragma once

#include "data/noise/label_quality.h"

namespace cofactor {

// An estimated number of wrong labels, and an interval meant to contain the true number with a probability of 95%.
struct WrongLabels {
  double count = 0.0, low = 0.0, high = 0.0;
};

struct WrongLabelOptions {
  Outputs outputs = Outputs::given_label;
  int draws = 50;  // of the bootstrap, 20 or more
  uint64_t seed = 1;
};

// `surest` are the counts of surest_label_counts, `transition` the matrix shrunk from them, and `quality` what
// judge_labels found with it; the count is the sum of 1 - quality over the labelled samples.
//
// The number is estimated in twelve ways, which are wrong in different directions: with the labels of the surest fifth,
// tenth and two fifths, among which samples of other classes count as wrong labels, the more so the more samples; with
// the probabilities as they are and made as sure as the given labels say (likeliest_sharpness); and as the mean of 1 -
// quality, which is too low where r follows the noise of p, or of sum_c r_c (1 - T(c, c)), which does not look at the
// labels it judges. M is the geometric mean of the six by quality, and a, b the least and the largest of the twelve,
// all at least half a label. To each side of M the interval reaches by sqrt(e^2 + d^2): e is 1.96 standard deviations
// of sampling, d is M - M a / b downwards and M b / a - M upwards; it is widened to contain the count, and cut to [0,
// number of labels]. The variance of sampling is sum quality (1 - quality) and that of a bootstrap, which draws the
// labels of the surest fifth anew, with replacement, and shrinks a matrix from them.
//
// Samples are judged anew for this: 2,000, evenly spaced, for each of the twelve, and 500 for each draw, so that time
// beyond the counting of the surest samples does not grow with their number. The same seed gives the same numbers.
// Throws Error for fewer than 20 draws and where sizes do not fit.
WrongLabels count_wrong_labels(const LabelledPredictions& predictions, const std::vector<double>& surest,
                               const Transition& transition, const std::vector<float>& quality,
                               const WrongLabelOptions& options = {});

}  // namespace cofactor
