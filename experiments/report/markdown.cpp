#include "experiments/report/markdown.h"

#include <fmt/ranges.h>

namespace cofactor {

std::string markdown_table(const std::vector<std::vector<std::string>>& rows, std::string_view rule) {
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    text += fmt::format("| {} |\n", fmt::join(row, " | "));
    if (&row != &rows.front()) continue;
    text += "| --- |";
    for (size_t column = 1; column < row.size(); ++column) text += fmt::format(" {} |", rule);
    text += "\n";
  }
  return text;
}

}  // namespace cofactor
