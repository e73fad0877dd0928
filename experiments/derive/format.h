// Walks as text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/derive/walk.h"

namespace cofactor {

std::string as_text(const Walk& walk);
std::string as_markdown(const Walk& walk);
// A whole document, for pdflatex with amsmath and graphicx.
std::string as_latex(const Walk& walk);

// ---- what the three share

// One list of a step's numbers: "formula", "engine", "autograd", "differences"; no name where there is one list alone.
struct Column {
  std::string name;
  const std::vector<double>* values;
};
std::vector<Column> columns_of(const Step& step);

// All numbers of a step as texts: with as many decimals as they need, at most 6; in powers of ten where that would show
// too little or too much. A difference that there is not is "-".
class NumberStyle {
 public:
  explicit NumberStyle(const Step& step);
  std::string text(double value) const;

 private:
  int decimals_ = 0;
  bool scientific_ = false;
};

// An array as rows: its last axis runs along a row, axes of extent 1 are left out. Lists and single numbers are one
// row.
struct Grid {
  int64_t rows = 1, columns = 1;
  std::vector<std::string> labels;  // of the rows: "0", or "0,2" where two axes lead; empty where there is one row
};
Grid grid_of(const Shape& shape);

// "Largest difference from autograd: formula 1.1e-16, differences 2.3e-12." Empty for given numbers.
std::string agreement_of(const Step& step);
// A sentence on the whole walk.
std::string summary_of(const Walk& walk);

}  // namespace cofactor
