// Finished runs gathered into one file, a line each (run_record.h), to be kept as data.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/report/run_record.h"

namespace cofactor {

struct Collected {
  int runs = 0;                       // in the file now
  int added = 0, completed = 0;       // runs that are new, and those that got metrics, matrices or a processor
  std::vector<std::string> problems;  // lines that could not be used, and conflicts
  int conflicts = 0;                  // runs that the file has with other settings or another outcome; it keeps its own
};

// The records of folders of runs, with those of the shards below them (shards.h), and of files. Problems are added to
// `problems`.
std::vector<RecordLine> gather(const std::vector<std::filesystem::path>& sources, std::vector<std::string>& problems);

// Adds the runs of `sources` to `file`, which is replaced as a whole. Its lines keep their order, and those that are
// not results stay as they are. A run that the file has already stays one line, which gets what it lacks. Throws Error
// where a source cannot be read or the file cannot be written.
Collected collect(const std::filesystem::path& file, const std::vector<std::filesystem::path>& sources);

// The same into `folder`, a file for each experiment of the paper: EXPERIMENT.jsonl. The counts are sums.
Collected collect_by_experiment(const std::filesystem::path& folder, const std::vector<std::filesystem::path>& sources);

// Gives `old` what it lacks and another record of the same run has; whether there was anything.
bool complete(RunRecord& old, const RunRecord& more);

// What makes two results of one key different: "test accuracy 98.3 and 98.4"; empty where they are of the same run.
std::string difference(const Result& a, const Result& b);

}  // namespace cofactor
