#include "experiments/report/runs.h"

#include <algorithm>

#include "engine/error.h"
#include "experiments/report/collect.h"
#include "experiments/report/shards.h"
#include "experiments/report/sweep_state.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

// Adds a run, or lets it complete or replace the one with its key.
void add_run(LoadedRuns& all, ReportedRun run) {
  const auto old = std::ranges::find_if(
      all.runs, [&](const ReportedRun& other) { return other.result().key() == run.result().key(); });
  if (old == all.runs.end()) {
    all.runs.push_back(std::move(run));
    return;
  }
  if (difference(old->result(), run.result()).empty()) {  // the same run, collected
    complete(old->record, run.record);
    return;
  }
  all.problems.push_back(
      fmt::format("{}: {} is also in {}; the later one counts", run.source, run.result().label(), old->source));
  *old = std::move(run);
}

void add_file(LoadedRuns& all, const RecordsFile& file) {
  all.problems.insert(all.problems.end(), file.problems.begin(), file.problems.end());
  for (const RecordLine* line : file.newest()) add_run(all, {*line->record, line->source});
}

void add_sweep(LoadedRuns& all, const fs::path& path) {
  if (!fs::is_directory(path)) return;
  try {
    if (const auto state = read_sweep_state(path))
      all.sweeps.push_back(fmt::format("{}: {}", path.string(), to_text(*state)));
  } catch (const Error& error) {
    all.problems.push_back(fmt::format("{}; left out", error.what()));
  }
}

}  // namespace

LoadedRuns load_runs(const std::vector<fs::path>& paths) {
  LoadedRuns all;
  for (const fs::path& path : paths) {
    check(fs::exists(path), "{}: there is no such file or folder", path.string());
    for (const fs::path& part : with_shards({path})) {
      add_file(all, read_runs(part));
      add_sweep(all, part);
    }
  }
  all.underway = runs_underway(paths);
  return all;
}

std::vector<std::string> runs_underway(const std::vector<fs::path>& paths) {
  std::vector<std::string> runs;
  std::error_code error;
  for (const fs::path& path : with_shards(paths)) {
    if (!fs::is_directory(path, error)) continue;
    for (const auto& cell : fs::directory_iterator(path, error)) {
      if (!cell.is_directory(error)) continue;
      for (const auto& method : fs::directory_iterator(cell.path(), error)) {
        if (fs::exists(method.path() / "checkpoint.safetensors", error))
          runs.push_back((cell.path().filename() / method.path().filename()).string());
      }
    }
  }
  std::ranges::sort(runs);
  return runs;
}

}  // namespace cofactor
