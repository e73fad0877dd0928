// Finished runs that other files than the sweep's own hold (--known), such as those that are kept as data.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/report/results.h"
#include "experiments/report/run_record.h"
#include "experiments/sweep/run.h"

namespace cofactor {

class KnownRuns {
 public:
  // Reads the files. Throws Error where one cannot be read; lines that cannot be used are among the problems.
  explicit KnownRuns(const std::vector<std::filesystem::path>& files);

  // Whether a file has the run, with the same settings and inputs. Throws Error where the flags that decide it differ.
  // A run of other inputs does not count.
  bool has(const Run& run);

  const std::vector<std::string>& problems() const { return problems_; }
  // "12 of 60 runs are known from FILE", for each file that has some of the `planned` runs, and what did not count.
  std::vector<std::string> notes(size_t planned) const;
  // Those that has() found.
  const std::vector<Result>& found() const { return found_; }

 private:
  struct File {
    std::string path;
    std::vector<RecordLine> lines;  // the newest of each run
    int found = 0, other_inputs = 0;
  };
  std::vector<File> files_;
  std::vector<std::string> problems_;
  std::vector<Result> found_;
};

}  // namespace cofactor
