// What the paper shows: its figures and table, and their values where they are known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/report/results.h"

namespace cofactor {

// One panel of a figure, or the table: one data set under one noise, with the protocol that a run must have followed in
// full to count.
struct PaperPanel {
  std::string_view figure;  // "Figure 2"
  std::string_view experiment, noise, title;
  std::vector<std::string> methods;
  std::vector<double> rates;
  int64_t training_samples;
  int pretraining_epochs;
  int finetuning_epochs(std::string_view method) const;
};
const std::vector<PaperPanel>& paper_panels();
// The panel that a result belongs to; null where the paper has none.
const PaperPanel* panel_of(const Result& result);

inline constexpr int kPaperSeeds = 5;  // repetitions of each run

// Why a run does not count for a panel: "8 of 20 epochs"; empty where it counts.
std::string why_not_counted(const Result& result, const PaperPanel& panel);

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
