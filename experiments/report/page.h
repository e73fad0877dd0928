// The report as one page of HTML that needs no other file, and as text with figures.
#pragma once

#include <filesystem>
#include <string>

#include "experiments/report/runs.h"

namespace cofactor {

struct PageOptions {
  int refresh_seconds = 0;  // a browser loads the page anew this often; 0: never
  std::string version;      // of the program
};

// Writes index.html, report.md with a PNG for each panel of a figure, and results.csv, each whole or not at all;
// nothing where a figure cannot be drawn. Returns the files. Throws Error as run_gnuplot does (gnuplot.h), and where
// the folder cannot be written to.
std::vector<std::filesystem::path> write_report(const LoadedRuns& loaded, const PageOptions& options,
                                                const std::filesystem::path& folder);

}  // namespace cofactor
