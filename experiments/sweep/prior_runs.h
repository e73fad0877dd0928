// What earlier starts have left in the folder: which of the planned runs are finished, and which files were made from
// inputs that have changed since.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "experiments/report/results.h"
#include "experiments/sweep/experiment_data.h"
#include "experiments/sweep/options.h"
#include "experiments/sweep/run.h"

namespace cofactor {

class PriorRuns {
 public:
  // `results` are all that the folder has. All must live while this does.
  PriorRuns(const RunOptions& options, const ExperimentData& data, const std::vector<Result>& results)
      : options_(options), data_(data), results_(results) {}

  // Whether the newest result of the run has the same settings, was trained and tested on the same inputs, and the
  // experiment's own report is the same; of a fold, whether it has judged the same samples. Throws Error where
  // flags that decide it differ.
  bool is_finished(const Run& run);

  // Gives a run its folder. A folder that holds weights or a checkpoint of other inputs is renamed to the next free
  // METHOD.previous-<n>; an earlier such folder of these inputs is renamed back. Call it after is_finished has been
  // called for all runs, so that a run that is refused leaves everything unchanged.
  void make_way(const Run& run);

  // A note for each kind of change.
  std::vector<std::string> notes() const;
  // Whether there are results of another test set.
  bool test_changed() const { return !retested_.empty(); }

 private:
  struct Restarted {
    int runs = 0;
    std::string kept;  // the first folder that was renamed; empty where there is none
  };
  // In words. Remembered, since finding it may take reading a file.
  const std::string& change_since(const std::string& before, const std::string& now);

  const RunOptions& options_;
  const ExperimentData& data_;
  const std::vector<Result>& results_;
  std::map<std::string, Restarted> restarted_;      // by what has changed, in words
  std::map<std::string, int> retested_;             // likewise
  std::map<std::string, std::string> changes_;      // in words, by the settings of the earlier run
  std::map<std::string, std::string> other_lines_;  // settings of results of other inputs, by the run's folder
  std::vector<std::string> restored_;               // folders
  int reported_again_ = 0;                          // runs whose own report alone is to be made again
};

}  // namespace cofactor
