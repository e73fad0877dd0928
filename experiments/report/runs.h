// Finished runs with all that a report shows of them. What cannot be read is told of and left out.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/report/run_record.h"

namespace cofactor {

struct ReportedRun {
  RunRecord record;
  std::string source;  // "runs/fashion_mnist/results.jsonl, line 3"

  const Result& result() const { return record.result; }
};

struct LoadedRuns {
  std::vector<ReportedRun> runs;      // one for each key, the newest
  std::vector<std::string> problems;  // what was left out or replaced, by file and line
  std::vector<std::string> underway;  // those of runs_underway()
  std::vector<std::string> sweeps;    // how far each folder has come: "runs/first: 12 of 60 cells done"
};

// The runs of files and of folders (read_runs), and of the shards below these (shards.h). Throws Error where a path is
// not there.
LoadedRuns load_runs(const std::vector<std::filesystem::path>& paths);

// The runs in the folders among these paths that have a checkpoint, "clothes-to-bags-rate0.2-seed1/dmi", in order.
std::vector<std::string> runs_underway(const std::vector<std::filesystem::path>& paths);

}  // namespace cofactor
