#include "experiments/derive/theorem_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/report/csv_field.h"
#include "experiments/report/markdown.h"

namespace cofactor::theorem {
namespace {

std::string text_row(const std::vector<std::string>& cells, const std::vector<size_t>& widths) {
  std::string line;
  for (size_t c = 0; c < cells.size(); ++c)
    line += c == 0 ? fmt::format("  {:<{}}", cells[c], widths[c]) : fmt::format("  {:>{}}", cells[c], widths[c]);
  return line + '\n';
}

std::string text_table(const NumberTable& table) {
  std::vector<size_t> widths;
  for (size_t c = 0; c < table.head.size(); ++c) {
    size_t width = table.head[c].size();
    for (const std::vector<std::string>& row : table.rows) width = std::max(width, row.at(c).size());
    widths.push_back(width);
  }
  std::string text = text_row(table.head, widths);
  for (const std::vector<std::string>& row : table.rows) text += text_row(row, widths);
  return text;
}

// A row of a Markdown table, in which a bar would begin the next cell.
std::vector<std::string> markdown_row(const std::vector<std::string>& cells) {
  std::vector<std::string> row;
  for (const std::string& cell : cells) {
    std::string& text = row.emplace_back();
    for (const char c : cell) text += c == '|' ? std::string("\\|") : std::string(1, c);
  }
  return row;
}

std::string aligned_right(const NumberTable& table) {
  std::vector<std::vector<std::string>> rows = {markdown_row(table.head)};
  for (const std::vector<std::string>& row : table.rows) rows.push_back(markdown_row(row));
  return markdown_table(rows, "---:");
}

}  // namespace

void raise(double& largest, double value) {
  if (std::isnan(value) || value > largest) largest = value;
}

void Holds::compare(double difference) {
  compared_ = true;
  raise(largest_, difference);
}

std::string Holds::line() const {
  if (!compared_) return "not checked: " + statement_;
  return fmt::format("{}: largest difference {:.2g}, limit {:.2g}: {}", is_wrong() ? "does not hold" : "holds",
                     largest_, limit_, statement_);
}

std::string format_section(const Section& section, bool markdown) {
  std::string text = markdown ? fmt::format("## {}\n\n{}\n\n", section.title, section.see)
                              : fmt::format("{}\n  {}\n\n", section.title, section.see);
  for (const NumberTable& table : section.tables) text += (markdown ? aligned_right(table) : text_table(table)) + '\n';
  for (const Holds& check : section.checks) text += (markdown ? "- " : "  ") + check.line() + '\n';
  return text + '\n';
}

std::string number(double value) {
  return fmt::format("{:.4g}", value);
}

void NumbersCsv::add(std::string_view part, std::string_view noise, std::string_view item, std::string_view quantity,
                     double value) {
  text_ += fmt::format("{},{},{},{},{}\n", part, csv_field(noise), csv_field(item), quantity, value);
}

}  // namespace cofactor::theorem
