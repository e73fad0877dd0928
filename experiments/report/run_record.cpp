#include "experiments/report/run_record.h"

#include <cmath>
#include <map>
#include <numeric>

#include "engine/error.h"
#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/io/text.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

MatrixRows matrix_from(const Json& json, std::string_view name) {
  const Json& list = list_field(json, name);
  MatrixRows rows;
  for (const Json& row : list) {
    check(row.is_array() && row.size() == list.size(), "the field '{}' is not a square matrix", name);
    std::vector<double>& values = rows.emplace_back();
    for (const Json& value : row) {
      check(value.is_number(), "the field '{}' holds a JSON {}, expected a number", name, value.type_name());
      values.push_back(value.get<double>());
    }
  }
  return rows;
}

void add_matrices(Json& json, const RunMatrices& matrices) {
  if (!matrices.joint.empty()) json["joint_matrix"] = matrices.joint;
  if (!matrices.transition.empty()) json["transition"] = matrices.transition;
  if (!matrices.counts.empty()) json["test_counts"] = matrices.counts;
}

RunMatrices matrices_from(const Json& json) {
  RunMatrices matrices;
  if (json.contains("joint_matrix")) matrices.joint = matrix_from(json, "joint_matrix");
  if (json.contains("transition")) matrices.transition = matrix_from(json, "transition");
  if (json.contains("test_counts")) matrices.counts = matrix_from(json, "test_counts");
  return matrices;
}

void check_plausible(const Result& result) {
  check(result.rate >= 0.0 && result.rate <= 1.0, "the rate is {}, expected 0 to 1", result.rate);
  check(result.test_accuracy >= 0.0 && result.test_accuracy <= 100.0, "the test accuracy is {}, expected 0 to 100",
        result.test_accuracy);
}

// Whether the metrics are those of the result, and not of a run that has been started since.
bool belongs(const std::vector<EpochMetrics>& history, const Result& result) {
  const auto best = static_cast<size_t>(result.best_epoch);
  return static_cast<int>(history.size()) == result.epochs && best < history.size() &&
         history[best].valid_loss == result.valid_loss && history[best].valid_accuracy == result.valid_accuracy;
}

void add_files(RunRecord& record, const fs::path& folder, std::vector<std::string>& problems) {
  const auto attempt = [&](const fs::path& file, const auto& read) {
    std::error_code unusable;  // a name that is too long for one of a file
    if (!fs::exists(file, unusable)) return;
    try {
      read(file);
    } catch (const Error& error) {
      problems.push_back(fmt::format("{}; left out", error.what()));
    }
  };
  attempt(folder / "metrics.jsonl", [&](const fs::path& file) {
    std::vector<EpochMetrics> history = read_metrics(file);
    check(belongs(history, record.result), "{}: these are not the metrics of the finished run {}", file.string(),
          record.result.label());
    record.history = std::move(history);
  });
  attempt(matrices_file(folder), [&](const fs::path&) { record.matrices = read_matrices(folder); });
}

}  // namespace

std::string to_json(const RunRecord& record) {
  Json json = parse_json(to_json(record.result));
  if (!record.history.empty()) json["metrics"] = history_json(record.history);
  add_matrices(json, record.matrices);
  return write_json(json);
}

RunRecord parse_run_record(const std::string& line) {
  RunRecord record{.result = parse_result(line)};
  try {
    check_plausible(record.result);
    const Json json = parse_json(line);
    if (json.contains("metrics")) record.history = history_from(json.at("metrics"), "the field 'metrics'");
    record.matrices = matrices_from(json);
    return record;
  } catch (const Error& error) {
    fail("not a result: {}", error.what());
  }
}

double balanced_accuracy(const MatrixRows& counts) {
  double sum = 0.0;
  for (size_t c = 0; c < counts.size(); ++c) {
    sum += counts[c][c] / std::accumulate(counts[c].begin(), counts[c].end(), 0.0);
  }
  return 100.0 * sum / static_cast<double>(counts.size());
}

MatrixRows rows_of(const std::vector<double>& values) {
  const auto classes = static_cast<std::ptrdiff_t>(std::lround(std::sqrt(static_cast<double>(values.size()))));
  check(static_cast<size_t>(classes * classes) == values.size(), "{} values are not a square matrix", values.size());
  MatrixRows rows;
  for (std::ptrdiff_t row = 0; row < classes; ++row) {
    rows.emplace_back(values.begin() + row * classes, values.begin() + (row + 1) * classes);
  }
  return rows;
}

fs::path matrices_file(const fs::path& folder) {
  return folder / "matrices.json";
}

void write_matrices(const fs::path& folder, const RunMatrices& matrices) {
  Json json = Json::object();
  add_matrices(json, matrices);
  write_file_atomically(matrices_file(folder), write_json(json) + "\n");
}

RunMatrices read_matrices(const fs::path& folder) {
  const fs::path path = matrices_file(folder);
  try {
    const Json json = parse_json(read_file(path));
    check(json.is_object(), "a JSON {}, expected an object", json.type_name());
    return matrices_from(json);
  } catch (const Error& error) {
    fail("{}: {}", path.string(), error.what());
  }
}

std::vector<const RecordLine*> RecordsFile::newest() const {
  std::map<decltype(Result().key()), size_t> places;
  std::vector<const RecordLine*> all;
  for (const RecordLine& line : lines) {
    if (!line.record) continue;
    const auto [place, is_new] = places.try_emplace(line.record->result.key(), all.size());
    if (is_new) {
      all.push_back(&line);
    } else {
      all[place->second] = &line;
    }
  }
  return all;
}

RecordsFile read_records(const fs::path& path) {
  RecordsFile file;
  const std::string text = read_file(path);
  const bool cut = !text.empty() && text.back() != '\n';
  std::string_view rest = text;
  for (int number = 1; !rest.empty(); ++number) {
    RecordLine line{.text = std::string(take_line(rest)), .source = fmt::format("{}, line {}", path.string(), number)};
    if (trimmed(line.text).empty()) continue;
    try {
      line.record = parse_run_record(line.text);
    } catch (const Error& error) {
      file.problems.push_back(cut && rest.empty()
                                  ? fmt::format("{}: the last line is cut short after {} bytes and was left out",
                                                line.source, line.text.size())
                                  : fmt::format("{}: {}; left out", line.source, error.what()));
    }
    file.lines.push_back(std::move(line));
  }
  std::map<decltype(Result().key()), const RecordLine*> seen;
  for (const RecordLine& line : file.lines) {
    if (!line.record) continue;
    const auto [place, is_new] = seen.try_emplace(line.record->result.key(), &line);
    if (is_new) continue;
    file.problems.push_back(fmt::format("{}: {} is also in {}; the later line counts", line.source,
                                        line.record->result.label(), place->second->source));
    place->second = &line;
  }
  return file;
}

RecordsFile read_runs(const fs::path& folder_or_file) {
  if (!fs::is_directory(folder_or_file)) return read_records(folder_or_file);
  const fs::path& folder = folder_or_file;
  const fs::path results = folder / "results.jsonl";
  if (!fs::exists(results)) {
    return {.lines = {}, .problems = {fmt::format("{}: no run has finished here", results.string())}};
  }
  RecordsFile file = read_records(results);
  for (const RecordLine* newest : file.newest()) {
    RunRecord& record = *file.lines[static_cast<size_t>(newest - file.lines.data())].record;
    const fs::path own = record.result.folder();
    if (!own.empty()) add_files(record, folder / own, file.problems);
  }
  return file;
}

}  // namespace cofactor
