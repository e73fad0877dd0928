// The transition matrix from the labels of the samples of which a network is surest.
#pragma once

#include <vector>

#include "data/noise/labelled_predictions.h"
#include "data/noise/transition.h"

namespace cofactor {

// counts (C, C), row-major: n(c, y), how many samples that are surely of class c are labelled y. Among the labelled
// samples whose largest probability is that of c, the surest beside class y are the `share` with the lowest p_y / p_c,
// at least 20 of them (all, where there are fewer), and all that tie with the last. With w(c, y) of them labelled y and
// m(c, y) labelled c, n(c, c) is the mean of m(c, y) over y, and n(c, y) = w(c, y) (n(c, c) + 1/2) / (m(c, y) + 1/2).
// With two classes the surest are those with the highest p_c, and the counts are whole numbers. Does not depend on the
// order of samples or classes. share: in (0, 1]. Throws Error for another, and as check_predictions does.
std::vector<double> surest_label_counts(const LabelledPredictions& predictions, double share = 0.2);

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
