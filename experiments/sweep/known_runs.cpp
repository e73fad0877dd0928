#include "experiments/sweep/known_runs.h"

#include <ranges>
#include <utility>

#include "engine/error.h"
#include "experiments/report/shards.h"
#include "experiments/training/run_settings.h"

namespace cofactor {

namespace fs = std::filesystem;

KnownRuns::KnownRuns(const std::vector<fs::path>& files) {
  for (const fs::path& path : files) {
    Source& source = sources_.emplace_back(Source{.name = path.string(), .is_part = false, .lines = {}});
    for (const fs::path& part : with_shards({path})) add_lines(source, read_runs(part));
  }
}

void KnownRuns::add_parts(std::string name, const std::vector<fs::path>& folders) {
  Source& source = sources_.emplace_back(Source{.name = std::move(name), .is_part = true, .lines = {}});
  for (const fs::path& folder : folders) {
    const fs::path results = folder / "results.jsonl";
    if (!fs::exists(results)) continue;
    try {
      add_lines(source, read_records(results));
    } catch (const Error& error) {
      problems_.push_back(fmt::format("{}; left out", error.what()));
    }
  }
}

void KnownRuns::add_lines(Source& source, const RecordsFile& records) {
  problems_.insert(problems_.end(), records.problems.begin(), records.problems.end());
  for (const RecordLine* line : records.newest()) source.lines.push_back(*line);
}

bool KnownRuns::has(const Run& run) {
  for (Source& source : sources_) {
    bool has_others = false;
    for (const RecordLine& line : source.lines | std::views::reverse) {
      const Result& known = line.record->result;
      if (known.key() != run.result.key()) continue;
      check_same_flags(
          known.settings, run.result.settings,
          fmt::format("{}{}: the result of {}", source.is_part ? "" : "--known ", line.source, run.result.label()),
          source.is_part ? kOwnFolder : "leave out --known");
      has_others = compare_inputs(known.settings, run.result.settings) != Inputs::same;
      // What a sweep is asked for includes the experiment's own report, which lies in the run's folder.
      if (has_others || (source.is_part && !is_same_report(known.settings, run.result.settings))) continue;
      ++source.found;
      found_.push_back(known);
      return true;
    }
    if (has_others) ++source.other_inputs;
  }
  return false;
}

std::vector<std::string> KnownRuns::notes(size_t planned) const {
  std::vector<std::string> lines;
  for (const Source& source : sources_) {
    if (source.is_part && source.found + source.other_inputs == 0) continue;
    lines.push_back(fmt::format("{} of {} runs are known from {}{}", source.found, planned, source.name,
                                source.other_inputs == 0
                                    ? std::string()
                                    : fmt::format("; {} more in it were trained or tested on other "
                                                  "data and do not count",
                                                  source.other_inputs)));
  }
  return lines;
}

}  // namespace cofactor
