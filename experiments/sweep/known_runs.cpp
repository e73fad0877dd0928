#include "experiments/sweep/known_runs.h"

#include <algorithm>

#include "experiments/training/run_settings.h"

namespace cofactor {

KnownRuns::KnownRuns(const std::vector<std::filesystem::path>& files) {
  for (const std::filesystem::path& path : files) {
    const RecordsFile records = read_runs(path);
    problems_.insert(problems_.end(), records.problems.begin(), records.problems.end());
    File& file = files_.emplace_back(File{.path = path.string(), .lines = {}});
    for (const RecordLine* line : records.newest()) file.lines.push_back(*line);
  }
}

bool KnownRuns::has(const Run& run) {
  for (File& file : files_) {
    const auto line = std::ranges::find_if(
        file.lines, [&](const RecordLine& one) { return one.record->result.key() == run.result.key(); });
    if (line == file.lines.end()) continue;
    const Result& known = line->record->result;
    check_same_flags(known.settings, run.result.settings,
                     fmt::format("--known {}: the result of {}", line->source, run.result.label()),
                     "leave out --known");
    if (compare_inputs(known.settings, run.result.settings) != Inputs::same) {
      ++file.other_inputs;
      continue;
    }
    ++file.found;
    found_.push_back(known);
    return true;
  }
  return false;
}

std::vector<std::string> KnownRuns::notes(size_t planned) const {
  std::vector<std::string> lines;
  for (const File& file : files_) {
    lines.push_back(fmt::format("{} of {} runs are known from {}{}", file.found, planned, file.path,
                                file.other_inputs == 0 ? std::string()
                                                       : fmt::format("; {} more in it were trained or tested on other "
                                                                     "data and do not count",
                                                                     file.other_inputs)));
  }
  return lines;
}

}  // namespace cofactor
