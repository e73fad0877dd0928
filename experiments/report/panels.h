// The runs that count for the paper's figures and table, panel by panel, beside the paper's values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/report/paper.h"
#include "experiments/report/plot.h"
#include "experiments/report/runs.h"
#include "experiments/report/summary.h"

namespace cofactor {

struct PanelResults {
  const PaperPanel* panel = nullptr;
  std::vector<const ReportedRun*> runs;  // those that count
  std::vector<Summary> points;           // over their seeds
  std::vector<std::string> methods;      // the paper's, then others that were run
  std::vector<double> rates;             // likewise, rising

  // Null where nothing was run.
  const Summary* at(std::string_view method, double rate) const;
  std::vector<uint64_t> seeds(std::string_view method, double rate) const;
  // Of the paper's runs: how many there are, and how many have a result here (kPaperSeeds at most for each cell).
  size_t expected() const { return panel->methods.size() * panel->rates.size() * kPaperSeeds; }
  size_t finished() const;
};

// A run that does not count, and why.
struct UncountedRun {
  const ReportedRun* run;
  std::string reason;
};

struct PaperResults {
  std::vector<PanelResults> panels;     // one for each of paper_panels(), in its order
  std::vector<UncountedRun> uncounted;  // in the order of the runs
};

// `loaded` must live while the result does.
PaperResults sort_runs(const LoadedRuns& loaded);

// The paper's value; none where it is not available.
std::optional<double> paper_value(const PaperPanel& panel, std::string_view method, double rate);

// "98.33 ± 0.12 (n = 3)"; without the deviation for one seed.
std::string accuracy_text(const Summary& point);

// Test accuracy over the noise rate: ours, the paper's, and the majority's.
Plot panel_plot(const PanelResults& results, std::string name);

// What a full reproduction of the panel lacks: "nothing was run", or an entry for each method, "dmi: 0 of 5 seeds at
// r = 0.8, 0.9; 3 of 5 seeds at r = 0.1". Empty where nothing is missing.
std::vector<std::string> missing_of(const PanelResults& results);

}  // namespace cofactor
