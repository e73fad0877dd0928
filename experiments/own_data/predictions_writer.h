// The file or stream of predictions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cofactor {

// Takes the predictions of one sample after the other. Functions throw Error where they cannot be written.
class PredictionsWriter {
 public:
  virtual ~PredictionsWriter() = default;
  // The probability of each class; none for a sample that could not be read.
  virtual void add(const std::string& id, std::span<const float> probabilities) = 0;
  // Passes on what was added, where somebody waits for it.
  virtual void flush() {}
  // Puts a file in place, whole.
  virtual void finish() = 0;
};

struct CsvColumns {
  int64_t top = 1;             // the most likely classes that have columns
  bool probabilities = false;  // a column for each class
};

// A table (RFC 4180) with the columns id, predicted_label, probability; then label_2, probability_2 and so on; then
// probability_<class>. The fields behind the id are empty for a sample that could not be read. Among equal
// probabilities the first class comes first. A number has as many digits as tell it from all other f32. `file` empty:
// to standard output, row by row; otherwise the file appears whole at the end, or not at all.
std::unique_ptr<PredictionsWriter> write_csv(const std::filesystem::path& file, const std::vector<std::string>& classes,
                                             const CsvColumns& columns);

// An array (samples, classes) of f4. The row of a sample that could not be read is NaN.
std::unique_ptr<PredictionsWriter> write_array(const std::filesystem::path& file, int64_t samples, int64_t classes);

}  // namespace cofactor
