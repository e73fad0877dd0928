// Part 5 of `derive theorem`: the bias of log|det U| on batches, and batches without a class.
#pragma once

#include "experiments/derive/theorem_noises.h"
#include "experiments/derive/theorem_section.h"
#include "experiments/derive/theorem_world.h"

namespace cofactor::theorem {

inline constexpr int64_t kLargestBatch = 1 << 16;

struct BatchResult {
  struct AtSize {
    int64_t size = 0, batches = 0;
    int64_t absent = 0;        // batches that lack a class: U is singular
    Spread log_abs_det;        // of the others
    double predicted = 0.0;    // bias to first order in 1 / size
    double probability = 0.0;  // exact, that a batch lacks a class
  };
  std::string noise;
  int64_t samples = 0;       // of the whole set
  double log_abs_det = 0.0;  // of its U
  std::vector<AtSize> sizes;
};

// A set of samples with outputs of their own and noisy labels; batches are drawn from it with replacement. sizes:
// rising, from 1 to kLargestBatch. Throws Error where a label does not occur in the set.
BatchResult draw_batches(const World& world, const NamedNoise& noise, const std::vector<int64_t>& sizes,
                         int64_t batches, uint64_t seed);

// For n = 0 .. most: the probability that n draws from the classes, with these shares (they sum to 1), meet every
// class. Adds the classes one by one: of n draws among the first c classes Binomial(n, p_c / (p_1 + .. + p_c)) are of
// class c. Terms below 1e-20 are left out.
std::vector<double> probability_of_every_class(const std::vector<double>& shares, int64_t most);

Section batch_section(const BatchResult& result);
void add_numbers(const BatchResult& result, NumbersCsv& csv);

}  // namespace cofactor::theorem
