// A finished run with all that was recorded of it, as one line of JSON: the fields of a result (results.h), and
// "metrics", "joint_matrix", "transition" and "test_counts" where they are known.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/report/results.h"
#include "experiments/training/checkpoint.h"

namespace cofactor {

using MatrixRows = std::vector<std::vector<double>>;

// Square matrices of a run. The file is matrices.json in its folder.
struct RunMatrices {
  MatrixRows joint;       // U(c, y), of the selected weights on the noisy validation set
  MatrixRows transition;  // the true T(c, y); empty where the noise is the labels' own
  MatrixRows counts{};    // of test samples, by true class (row) and predicted class (column)

  bool operator==(const RunMatrices&) const = default;
};

struct RunRecord {
  Result result;
  std::vector<EpochMetrics> history{};  // empty where it was not recorded
  RunMatrices matrices{};               // likewise
};

std::string to_json(const RunRecord& record);
// Throws Error where a field is missing or wrong.
RunRecord parse_run_record(const std::string& line);

// The mean over classes of the percentage of a class's test samples that are predicted right, whatever the classes'
// sizes. NaN where `counts` is empty or a class has no sample.
double balanced_accuracy(const MatrixRows& counts);

// The rows of a square matrix.
MatrixRows rows_of(const std::vector<double>& values);
// The file of a run's folder, written whole or not at all. read_matrices throws Error where it is missing or wrong.
std::filesystem::path matrices_file(const std::filesystem::path& folder);
void write_matrices(const std::filesystem::path& folder, const RunMatrices& matrices);
RunMatrices read_matrices(const std::filesystem::path& folder);

// The records of a file, and what could not be used.
struct RecordLine {
  std::string text;
  std::string source;                 // "docs/results/movie_reviews.jsonl, line 3"
  std::optional<RunRecord> record{};  // none where the line is not a result
};
struct RecordsFile {
  std::vector<RecordLine> lines;      // all that are not empty
  std::vector<std::string> problems;  // damaged lines, lines that are cut short and runs that stand in several

  // The last record of each run, in the order in which the runs first appear.
  std::vector<const RecordLine*> newest() const;
};
// Reads a file of records or results. What is wrong with a line is among the problems, and the others are read. Throws
// Error where the file cannot be read.
RecordsFile read_records(const std::filesystem::path& path);

// The same of a folder of runs or of a file. Of a folder it reads results.jsonl, with the metrics and matrices that the
// runs' folders hold. A file in them that does not belong to the result is among the problems and left out, and so is a
// folder where no run has finished.
RecordsFile read_runs(const std::filesystem::path& folder_or_file);

}  // namespace cofactor
