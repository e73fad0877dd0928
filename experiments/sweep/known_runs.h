// Finished runs that other files than the sweep's own hold: those of --known, such as the runs that are kept as data,
// and other parts of the same sweep (--shard).
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
  // Reads the files and folders of --known, with the shards below these. Throws Error where one cannot be read; lines
  // that cannot be used are among the problems.
  explicit KnownRuns(const std::vector<std::filesystem::path>& files);

  // Also counts the runs in the folders of other parts of the sweep, which other processes may be writing to. There
  // the experiment's own report has to be the same too. `name` is what notes call them. A file that cannot be read is
  // among the problems.
  void add_parts(std::string name, const std::vector<std::filesystem::path>& folders);

  // Whether there is the run, with the same settings and inputs. Throws Error where the flags that decide it differ.
  // A run of other inputs does not count.
  bool has(const Run& run);

  const std::vector<std::string>& problems() const { return problems_; }
  // "12 of 60 runs are known from FILE", and what did not count, for each file of --known, and for the parts where they
  // have some of the `planned` runs.
  std::vector<std::string> notes(size_t planned) const;
  // Those that has() found.
  const std::vector<Result>& found() const { return found_; }

 private:
  struct Source {
    std::string name;
    bool is_part = false;           // of the same sweep
    std::vector<RecordLine> lines;  // the newest of each run and file, of which the last counts
    int found = 0, other_inputs = 0;
  };
  void add_lines(Source& source, const RecordsFile& records);

  std::vector<Source> sources_;
  std::vector<std::string> problems_;
  std::vector<Result> found_;
};

}  // namespace cofactor
