// What the paper shows: its figures and table, and their values where they are known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/report/results.h"

namespace cofactor {

// One panel of a figure, or the table: one data set under one noise.
struct PaperPanel {
  std::string_view figure;  // "Figure 2"
  std::string_view experiment, noise, title;
  std::vector<std::string> methods;
  std::vector<double> rates;
};
const std::vector<PaperPanel>& paper_panels();
// The panel that a result belongs to; null where the paper has none.
const PaperPanel* panel_of(const Result& result);

inline constexpr int kPaperSeeds = 5;  // repetitions of each run

// A value of the paper. Table 1 has no noise rate: 0.
struct PaperValue {
  std::string experiment, method;
  double rate = 0.0;
  double accuracy = 0.0;
};
// The values of docs/results/paper.csv; those left empty there are left out. Throws Error, with the line, for a line
// that is none.
std::vector<PaperValue> parse_paper_values(std::string_view csv);
const std::vector<PaperValue>& paper_values();

}  // namespace cofactor
