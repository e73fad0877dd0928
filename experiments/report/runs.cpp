#include "experiments/report/runs.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/error.h"
#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/io/text.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

// A matrix with the same number of finite values in each row; throws Error for anything else.
MatrixRows matrix_from(const Json& json, std::string_view name) {
  MatrixRows rows;
  for (const Json& row : list_field(json, name)) {
    check(row.is_array(), "the field '{}' holds a JSON {} where a row is expected", name, row.type_name());
    std::vector<double>& values = rows.emplace_back();
    for (const Json& value : row) {
      check(value.is_number(), "the field '{}' holds a JSON {} where a number is expected", name, value.type_name());
      values.push_back(value.get<double>());
    }
    check(!values.empty() && values.size() == rows.front().size(), "the rows of '{}' have different lengths", name);
  }
  return rows;
}

std::vector<EpochMetrics> history_from(const Json& json) {
  std::vector<EpochMetrics> history;
  for (const Json& epoch : list_field(json, "metrics")) {
    EpochMetrics metrics;
    metrics.epoch = field<int>(epoch, "epoch");
    metrics.train_loss = number_field(epoch, "train_loss");
    metrics.valid_loss = number_field(epoch, "valid_loss");
    metrics.valid_accuracy = field<double>(epoch, "valid_accuracy");
    history.push_back(metrics);
  }
  return history;
}

// joint_matrix.csv (label_report.h): a row and a column of names around the numbers. Names may hold commas in quotes;
// the last fields of a line are its numbers.
MatrixRows read_joint_matrix(const fs::path& path) {
  const std::string text = read_file(path);
  std::string_view rest = text;
  take_line(rest);
  std::vector<std::string_view> lines;
  while (!rest.empty()) {
    if (const std::string_view line = trimmed(take_line(rest)); !line.empty()) lines.push_back(line);
  }
  MatrixRows rows;
  for (std::string_view line : lines) {
    std::vector<double>& row = rows.emplace_back(lines.size());
    for (size_t column = lines.size(); column-- > 0;) {
      const size_t comma = line.rfind(',');
      check(comma != std::string_view::npos, "{}: line {} has fewer than {} numbers", path.string(), rows.size() + 1,
            lines.size());
      const std::string_view number = line.substr(comma + 1);
      const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), row[column]);
      check(error == std::errc() && end == number.data() + number.size() && std::isfinite(row[column]),
            "{}: line {}: '{}' is not a number", path.string(), rows.size() + 1, number);
      line = line.substr(0, comma);
    }
  }
  return rows;
}

ReportedRun run_from(const std::string& line) {
  ReportedRun run;
  run.result = parse_result(line);
  const Result& result = run.result;
  check(result.rate >= 0.0 && result.rate <= 1.0, "the rate is {}, expected 0 to 1", result.rate);
  check(result.test_accuracy >= 0.0 && result.test_accuracy <= 100.0, "the test accuracy is {}, expected 0 to 100",
        result.test_accuracy);
  const Json json = parse_json(line);
  if (json.contains("metrics")) run.history = history_from(json);
  if (json.contains("joint_matrix")) run.joint = matrix_from(json, "joint_matrix");
  if (json.contains("transition")) run.transition = matrix_from(json, "transition");
  return run;
}

// A name as one folder of a path; empty where it would lead elsewhere.
fs::path run_folder(const fs::path& folder, const Result& result) {
  const auto leads_out = [](const std::string& name) {
    return name.empty() || name.front() == '.' || name.find_first_of(std::string_view("/\0", 2)) != std::string::npos;
  };
  if (leads_out(result.noise) || leads_out(result.method)) return {};
  return folder / fmt::format("{}-rate{}-seed{}", result.noise, result.rate, result.seed) / result.method;
}

// What the run's folder has beside its line.
void read_folder(ReportedRun& run, const fs::path& folder, std::vector<std::string>& problems) {
  const fs::path own = run_folder(folder, run.result);
  if (own.empty()) return;
  const auto attempt = [&](const fs::path& file, const auto& read) {
    std::error_code absent;
    if (!fs::is_regular_file(file, absent)) return;
    try {
      read(file);
    } catch (const Error& error) {
      problems.push_back(error.what());
    }
  };
  if (run.history.empty())
    attempt(own / "metrics.jsonl", [&](const fs::path& file) { run.history = read_metrics(file); });
  if (run.joint.empty())
    attempt(own / "joint_matrix.csv", [&](const fs::path& file) { run.joint = read_joint_matrix(file); });
}

// Adds a run, or lets it replace the one with its key.
void add_run(LoadedRuns& all, ReportedRun run) {
  const auto old =
      std::ranges::find_if(all.runs, [&](const ReportedRun& other) { return other.result.key() == run.result.key(); });
  if (old == all.runs.end()) {
    all.runs.push_back(std::move(run));
    return;
  }
  all.problems.push_back(
      fmt::format("{}: {} is also in {}; the later one counts", run.source, run.result.label(), old->source));
  *old = std::move(run);
}

void load_file(LoadedRuns& all, const fs::path& file) {
  const std::string text = read_file(file);
  std::string_view rest = text;
  for (int number = 1; !rest.empty(); ++number) {
    const std::string line(take_line(rest));
    if (trimmed(line).empty()) continue;
    const std::string source = fmt::format("{}, line {}", file.string(), number);
    try {
      ReportedRun run = run_from(line);
      run.source = source;
      read_folder(run, file.parent_path(), all.problems);
      add_run(all, std::move(run));
    } catch (const Error& error) {
      all.problems.push_back(fmt::format("{}: left out: {}", source, error.what()));
    }
  }
}

}  // namespace

LoadedRuns load_runs(const std::vector<fs::path>& paths) {
  LoadedRuns all;
  for (const fs::path& path : paths) {
    check(fs::exists(path), "{}: there is no such file or folder", path.string());
    const bool is_folder = fs::is_directory(path);
    const fs::path file = is_folder ? path / "results.jsonl" : path;
    if (fs::exists(file)) {
      load_file(all, file);
    } else {
      all.problems.push_back(fmt::format("{}: no run has finished here", path.string()));
    }
  }
  all.underway = runs_underway(paths);
  return all;
}

std::vector<std::string> runs_underway(const std::vector<fs::path>& paths) {
  std::vector<std::string> runs;
  std::error_code error;
  for (const fs::path& path : paths) {
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
