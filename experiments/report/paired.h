// Methods held against each other over seeds: a seed gives both the same noisy labels and the same pre-training.
#pragma once

#include <string>
#include <vector>

#include "experiments/report/results.h"

namespace cofactor {

// Two methods under one noise at one rate. Accuracies in percent.
struct PairedDifference {
  std::string experiment, noise;
  double rate = 0.0;
  std::string method, other;
  int seeds = 0;                // that both methods have, with the same data
  double mean = 0.0;            // test accuracy of `method` minus that of `other`; 0 without such seeds
  double standard_error = 0.0;  // of the mean: the deviation of the differences, with n - 1, over sqrt(n); 0 below 2
};

// Every pair of the methods that are there under a noise at a rate; the earlier in the order of first appearance is
// `other`. Ordered as the table of results. Of each run there must be one result.
std::vector<PairedDifference> paired_differences(const std::vector<Result>& results);

// A table with one line per pair. Lines end with a newline, except the last. Empty where there is no pair.
std::string format_paired(const std::vector<PairedDifference>& pairs);

// experiment,noise,rate,method,other,seeds,mean_difference,standard_error
// An RFC 4180 table; what cannot be computed from so few seeds is an empty field.
std::string paired_csv(const std::vector<PairedDifference>& pairs);

}  // namespace cofactor
