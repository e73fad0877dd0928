// What earlier starts have left in the folder, against what is asked for: which runs are finished, and what was made
// from inputs that have changed since.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "experiments/report/results.h"
#include "experiments/sweep/experiment.h"
#include "experiments/sweep/options.h"
#include "experiments/sweep/settings.h"

namespace cofactor {

class PriorRuns {
 public:
  // `results` are all that the folder has; they must live while this does.
  PriorRuns(const Experiment& experiment, const RunOptions& options, const ExperimentData& data,
            const std::vector<Result>& results)
      : experiment_(experiment), options_(options), data_(data), results_(results) {}

  // Whether the newest result of the run is what was asked for: made with the same settings, trained and tested on the
  // same. Throws Error where flags that decide it differ.
  bool is_finished(const Cell& cell, const std::string& method);

  // Gives a run its folder. Where that holds weights or a checkpoint of other inputs, it is renamed to the next free
  // METHOD.previous-<n>; where an earlier such folder is of these inputs, that one is taken back. Only once is_finished
  // has been asked for all runs: a run that is refused leaves everything as it was.
  void make_way(const Cell& cell, const std::string& method);

  // What there is to say of it, a line for each kind of change.
  std::vector<std::string> notes() const;
  // Whether results were found of another test set.
  bool test_changed() const { return !retested_.empty(); }

 private:
  struct Anew {
    int runs = 0;
    std::string kept;  // the first folder that was set aside; empty where there is none
  };
  // In words; kept, since it may cost the reading of a file.
  const std::string& change_since(const std::string& before, const std::string& now);

  const Experiment& experiment_;
  const RunOptions& options_;
  const ExperimentData& data_;
  const std::vector<Result>& results_;
  std::map<std::string, Anew> anew_;                   // by what has changed, in words
  std::map<std::string, int> retested_;                // likewise
  std::map<std::string, std::string> changes_;         // in words, by the settings of the earlier run
  std::map<std::string, std::string> replaced_lines_;  // settings of results of other inputs, by "CELL/METHOD"
  std::vector<std::string> taken_back_;                // folders
};

}  // namespace cofactor
