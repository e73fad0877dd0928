#include "experiments/report/collect.h"

#include <algorithm>
#include <map>

#include "engine/error.h"
#include "engine/io/file.h"
#include "engine/io/json.h"
#include "experiments/report/full_protocol.h"
#include "experiments/report/shards.h"
#include "experiments/training/run_settings.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

}  // namespace

bool complete(RunRecord& old, const RunRecord& more) {
  const auto take = [](auto& mine, const auto& other) {
    if (!mine.empty() || other.empty()) return false;
    mine = other;
    return true;
  };
  // A run that was only tested again, by another version, may have been trained on another machine.
  const bool same_version = old.result.version == more.result.version;
  const bool processor = same_version && take(old.result.processor, more.result.processor);
  const bool history = take(old.history, more.history);
  const bool joint = take(old.matrices.joint, more.matrices.joint);
  const bool counts = take(old.matrices.counts, more.matrices.counts);
  return take(old.matrices.transition, more.matrices.transition) || processor || history || joint || counts;
}

std::string difference(const Result& a, const Result& b) {
  if (!is_same_json(parse_json(a.settings), parse_json(b.settings))) return "their settings differ";
  if (a.test_accuracy != b.test_accuracy)
    return fmt::format("the test accuracy is {} and {}", a.test_accuracy, b.test_accuracy);
  if (a.valid_loss != b.valid_loss) return fmt::format("the validation loss is {} and {}", a.valid_loss, b.valid_loss);
  if (a.best_epoch != b.best_epoch) return fmt::format("the best epoch is {} and {}", a.best_epoch, b.best_epoch);
  return {};
}

std::vector<RecordLine> gather(const std::vector<fs::path>& sources, std::vector<std::string>& problems) {
  std::vector<RecordLine> all;
  for (const fs::path& source : with_shards(sources)) {
    const RecordsFile file = read_runs(source);
    problems.insert(problems.end(), file.problems.begin(), file.problems.end());
    for (const RecordLine* line : file.newest()) all.push_back(*line);
  }
  return all;
}

namespace {

Collected add_lines(const fs::path& file, const std::vector<RecordLine>& found) {
  Collected outcome;
  RecordsFile kept;
  if (fs::exists(file)) kept = read_records(file);
  outcome.problems.insert(outcome.problems.end(), kept.problems.begin(), kept.problems.end());
  std::map<decltype(Result().key()), size_t> places;
  const std::vector<RecordLine>& lines = kept.lines;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].record) places.insert_or_assign(lines[i].record->result.key(), i);
  }
  std::vector<RecordLine> merged = kept.lines;
  merged.reserve(merged.size() + found.size());  // the keys refer to the records
  for (const RecordLine& line : found) {
    const auto place = places.find(line.record->result.key());
    if (place == places.end()) {
      merged.push_back(line);
      merged.back().text = to_json(*line.record);
      places.emplace(merged.back().record->result.key(), merged.size() - 1);
      ++outcome.added;
      continue;
    }
    RecordLine& old = merged[place->second];
    if (const std::string why = difference(old.record->result, line.record->result); !why.empty()) {
      ++outcome.conflicts;
      outcome.problems.push_back(fmt::format("{}: {} is also in {}, and {}; the latter is kept", line.source,
                                             line.record->result.label(), old.source, why));
    } else if (complete(*old.record, *line.record)) {
      old.text = to_json(*old.record);
      ++outcome.completed;
    }
  }
  outcome.runs = static_cast<int>(places.size());
  std::string text;
  for (const RecordLine& line : merged) text += line.text + "\n";
  if (outcome.added + outcome.completed > 0) {
    if (file.has_parent_path()) ensure_writable_directory(file.parent_path());
    write_file_atomically(file, text);
  }
  return outcome;
}

void add_to(Collected& all, Collected&& part) {
  all.runs += part.runs;
  all.added += part.added;
  all.completed += part.completed;
  all.conflicts += part.conflicts;
  all.problems.insert(all.problems.end(), part.problems.begin(), part.problems.end());
}

}  // namespace

Collected collect(const fs::path& file, const std::vector<fs::path>& sources) {
  Collected outcome;
  const std::vector<RecordLine> found = gather(sources, outcome.problems);
  add_to(outcome, add_lines(file, found));
  return outcome;
}

Collected collect_by_experiment(const fs::path& folder, const std::vector<fs::path>& sources) {
  Collected outcome;
  std::map<std::string, std::vector<RecordLine>> by_experiment;
  for (const RecordLine& line : gather(sources, outcome.problems)) {
    const Result& result = line.record->result;
    if (std::ranges::find(full_protocols(), result.experiment, &FullProtocol::experiment) == full_protocols().end()) {
      outcome.problems.push_back(
          fmt::format("{}: {} is not an experiment of the paper; left out", line.source, result.experiment));
    } else {
      by_experiment[result.experiment].push_back(line);
    }
  }
  for (const auto& [experiment, lines] : by_experiment)
    add_to(outcome, add_lines(folder / (experiment + ".jsonl"), lines));
  return outcome;
}

}  // namespace cofactor
