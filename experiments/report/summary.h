// Results over seeds, as a table.
#pragma once

#include <string>
#include <vector>

#include "experiments/report/results.h"

namespace cofactor {

// All runs of one method under one noise at one rate. Accuracies in percent.
struct Summary {
  std::string experiment, noise;
  double rate = 0.0;
  std::string method;
  int seeds = 0;
  double mean = 0.0;       // of the test accuracy
  double deviation = 0.0;  // over seeds, with n - 1 in the denominator; 0 for a single seed
  bool is_full = true;     // whether all runs of an experiment of the paper have its epochs and data (full_protocol.h)
  double majority = 0.0;   // mean accuracy of always predicting the most frequent noisy label (h0)
};

// Only runs with the paper's epochs and data count for its figures: of an experiment that has such, removes the others
// and says why, a line for each.
std::vector<std::string> drop_partial(std::vector<Result>& results);

// Ordered by experiment, noise and method in the order in which they first appear, and by rate.
std::vector<Summary> aggregate(const std::vector<Result>& results);

// The same with a row of no seeds for each method of the experiment that has no run where others have one.
std::vector<Summary> with_absent(const std::vector<Summary>& summaries);

// A table with one line per summary; one of no seeds is "absent". Lines end with a newline, except the last.
std::string format_table(const std::vector<Summary>& summaries);

// The results of several files or folders (gather), one for each run. `warnings` gets, by file and line, what could not
// be read and what stands in several places with different numbers, of which the last counts, and what cannot be
// compared. Throws Error where a file cannot be read.
std::vector<Result> read_all_results(const std::vector<std::filesystem::path>& paths,
                                     std::vector<std::string>& warnings);

}  // namespace cofactor
