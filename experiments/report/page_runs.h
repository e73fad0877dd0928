// The sections of the page that show single runs.
#pragma once

#include <filesystem>
#include <string>

#include "experiments/report/panels.h"

namespace cofactor {

// Training curves, one unfolding part for each panel and noise rate.
std::string curves_section(const PaperResults& results, const std::filesystem::path& folder);

// U beside T, as tables whose cells are shaded by their values.
std::string matrices_section(const LoadedRuns& loaded);

// A table of all runs with their settings; `results` says which of them do not count for the figures.
std::string runs_section(const LoadedRuns& loaded, const PaperResults& results);

}  // namespace cofactor
