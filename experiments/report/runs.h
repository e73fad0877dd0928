// Finished runs with all that a report shows of them. What cannot be read is told of and left out.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/report/results.h"
#include "experiments/training/checkpoint.h"

namespace cofactor {

using MatrixRows = std::vector<std::vector<double>>;

struct ReportedRun {
  Result result;
  std::string source;                 // "runs/fashion_mnist/results.jsonl, line 3"
  std::vector<EpochMetrics> history;  // empty where it was not recorded
  MatrixRows joint, transition;       // U(c, y) of the selected weights, and the true T(c, y); empty likewise
};

struct LoadedRuns {
  std::vector<ReportedRun> runs;      // one for each key, the newest
  std::vector<std::string> problems;  // what was left out or replaced, by file and line
  std::vector<std::string> underway;  // those of runs_underway()
};

// The runs of results files and of folders that hold results.jsonl and a folder for each run. In a line, "metrics",
// "joint_matrix" and "transition" may stand beside the fields of a result; otherwise the run's folder is searched for
// metrics.jsonl and joint_matrix.csv. Throws Error where a path is not there.
LoadedRuns load_runs(const std::vector<std::filesystem::path>& paths);

// The runs in the folders among these paths that have a checkpoint, "clothes-to-bags-rate0.2-seed1/dmi", in order.
std::vector<std::string> runs_underway(const std::vector<std::filesystem::path>& paths);

}  // namespace cofactor
