// A table of one's own numbers.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/derive/numbers.h"

namespace cofactor {

// Numbers lie between -kLargestInput and kLargestInput, so that no sum of products overflows.
inline constexpr double kLargestInput = 1e4;

struct LabelledNumbers {
  Numbers numbers;              // (rows, columns), the columns in the file's order
  std::vector<int32_t> labels;  // from the column "label"
};

// Reads a CSV file with a header row and numbers. Throws Error, with the file and where there is one the line, for a
// file that is larger than 1 MiB or no CSV (data/files/csv.h), for a table without rows or with more than kMostNumbers
// numbers, and for a field that is not a finite number of at most kLargestInput.
Numbers read_numbers(const std::filesystem::path& path);

// The same with a column "label" of whole numbers in [0, the number of other columns). Throws Error also where there is
// no such column, for fewer than two others, and for any other label.
LabelledNumbers read_labelled(const std::filesystem::path& path);

}  // namespace cofactor
