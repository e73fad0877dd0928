// Whether a network's classes stand in another order than the reference's, and the order that puts them back. L_DMI
// does not depend on the order of the outputs, so two networks trained with it may disagree about it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace cofactor {

// The assignment of rows to columns with the largest sum: result[row] is the row's column. gain: (n, n), row-major,
// finite. The Hungarian algorithm by shortest augmenting paths (Kuhn 1955; Jonker & Volgenant 1987), O(n^3). Among
// equal sums the one that is found; the identity is not preferred. Throws Error for another size or a number that is
// not finite.
std::vector<int64_t> best_assignment(std::span<const double> gain, int64_t n);

struct ClassOrder {
  std::vector<int64_t> reference_class;  // [output]: the reference's class that the output stands for
  bool permuted = false;                 // whether any stands for another than its own
  double agreement = 0.0;                // the share of samples on which output and reference agree as they stand
  double agreement_in_order = 0.0;       // and with the outputs put back; the same where nothing is permuted
};

// counts (C, C), row-major: of the samples that two networks have predicted, counts(c, k) is how often the output was c
// where the reference said k. The best assignment falls into cycles; a cycle is believed where it agrees on more
// samples than the outputs as they stand by 4 standard deviations of chance (A - B >= 4 sqrt(A + B), a sign test), and
// its classes stay as they are otherwise. The reference should be another network. Given labels serve too, but only
// where each class keeps its label more often than it receives any other: noise beyond that permutes the labels
// themselves, and no order is then the right one. Throws Error for another size, a count that is negative or not
// finite.
ClassOrder find_class_order(std::span<const double> counts, int64_t classes);

// Moves the column of each output to its reference class, in place. probabilities: (N, C), row-major. Throws Error
// where the sizes do not fit.
void put_in_order(std::span<float> probabilities, const ClassOrder& order);

}  // namespace cofactor
