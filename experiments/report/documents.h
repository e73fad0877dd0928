// The figures and tables of the project's documentation, drawn from the runs that are kept in docs/results.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/report/panels.h"

namespace cofactor {

// The text with its tables made anew. A table stands in a page of Markdown between two comments,
//   <!-- table: EXPERIMENT NOISE KIND METHOD... -->
//   <!-- end of table -->
// and has a row for each noise rate of the paper. The kinds:
//   accuracy  of the most frequent noisy label and of each method
//   balanced  accuracy (run_record.h) of each method
//   paired    differences of the first method and each other over the seeds that both have
// with mean, sample standard deviation or standard error, and the number of seeds. Throws Error for a block that is
// none of these.
std::string with_tables(std::string_view markdown, const PaperResults& results);

// The files of the documentation that are made of runs, by their paths from `root`, and what they should hold: pages
// with tables as text, and figures as the gnuplot script that draws them. Throws Error where a file cannot be read, and
// for a run of docs/results that cannot be used.
struct Documents {
  std::map<std::string, std::string> pages, scripts;
};
Documents make_documents(const std::filesystem::path& root);

// Those that are not current, by path.
std::vector<std::string> stale_documents(const std::filesystem::path& root);

// Writes those anew. Returns them.
std::vector<std::string> refresh_documents(const std::filesystem::path& root);

}  // namespace cofactor
