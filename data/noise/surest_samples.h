// The transition matrix from the labels of the samples of which a network is surest.
#pragma once

#include <vector>

#include "data/noise/labelled_predictions.h"
#include "data/noise/transition.h"

namespace cofactor {

struct SurestSamples {
  double share = 0.2;      // of the samples predicted to be of a class, in (0, 1]
  double sharpness = 1.0;  // probabilities are taken to this power, as sharpen does; positive
};

// counts (C, C), row-major: n(c, y), how many of the surest samples of class c are labelled y. Among the labelled
// samples whose largest probability is that of c, the surest are the `share` with the highest probability of c, at
// least 20 of them (all, where there are fewer), and all that tie with the last. Does not depend on the order of
// samples or classes.
std::vector<double> surest_label_counts(const LabelledPredictions& predictions, const SurestSamples& surest = {});

// The transition matrix with those counts, shrunk as far as the counts themselves ask for (empirical Bayes):
//   T(c, c) = (n(c, c) + b (1 - r)) / (n(c) + b),   T(c, y) = (1 - T(c, c)) (n(c, y) + a / (C - 1)) / (wrong(c) + a)
// with r the share of wrong labels among all counts, wrong(c) = n(c) - n(c, c), and a, b the powers of two from 1/8 to
// 16384 that make the counts most probable (Beta-binomial and Dirichlet-multinomial likelihoods). Classes whose rates
// hardly differ get one rate, a class without samples has the common one, and all entries are positive if C > 1.
// Throws Error where there are no counts.
Transition shrunk_transition(int64_t classes, const std::vector<double>& counts);

// Both, with the surest fifth. Throws Error as check_predictions does.
Transition surest_transition(const LabelledPredictions& predictions);

}  // namespace cofactor
