#include "experiments/derive/format.h"

#include <algorithm>

namespace cofactor {
namespace {

constexpr size_t kTextWidth = 110, kTextGap = 4;

// The lines of one list of numbers, its name above them.
std::vector<std::string> block_of(const Column& column, const Grid& grid, const NumberStyle& style, size_t width) {
  std::vector<std::string> lines;
  if (!column.name.empty()) lines.push_back(fmt::format("{:>{}}", column.name, width));
  for (int64_t row = 0; row < grid.rows; ++row) {
    std::string line;
    for (int64_t c = 0; c < grid.columns; ++c)
      line += fmt::format("{}{:>{}}", c == 0 ? "" : " ",
                          style.text((*column.values)[static_cast<size_t>(row * grid.columns + c)]), width);
    lines.push_back(line);
  }
  return lines;
}

size_t widest_number(const std::vector<Column>& columns, const NumberStyle& style) {
  size_t width = 1;
  for (const Column& column : columns)
    for (const double value : *column.values) width = std::max(width, style.text(value).size());
  return width;
}

// Matrices, beside each other where they fit.
std::string matrices(const std::vector<Column>& columns, const Grid& grid, const NumberStyle& style) {
  size_t label = 0;
  for (const std::string& text : grid.labels) label = std::max(label, text.size());
  const size_t number = widest_number(columns, style);
  std::vector<std::vector<std::string>> blocks;
  size_t width = 0, total = label;
  for (const Column& column : columns) {
    blocks.push_back(block_of(column, grid, style, number));
    size_t needed = column.name.size();
    for (const std::string& line : blocks.back()) needed = std::max(needed, line.size());
    width = std::max(width, needed);
  }
  total += columns.size() * (width + kTextGap);
  std::string text;
  const size_t beside = total <= kTextWidth ? columns.size() : 1;
  for (size_t first = 0; first < blocks.size(); first += beside) {
    const bool named = !columns[first].name.empty();
    for (size_t line = 0; line < blocks[first].size(); ++line) {
      const bool heading = named && line == 0;
      std::string row = fmt::format("    {:>{}}", heading ? "" : grid.labels[line - (named ? 1 : 0)], label);
      for (size_t k = first; k < std::min(first + beside, blocks.size()); ++k)
        row += fmt::format("{:{}}{:>{}}", "", kTextGap, blocks[k][line], width);
      text += row + '\n';
    }
  }
  return text;
}

// One list per line, wrapped.
std::string lists(const std::vector<Column>& columns, const NumberStyle& style) {
  size_t name = 0;
  for (const Column& column : columns) name = std::max(name, column.name.size());
  const size_t number = widest_number(columns, style);
  std::string text;
  for (const Column& column : columns) {
    std::string line = fmt::format("    {:<{}}", column.name, name);
    for (const double value : *column.values) {
      if (line.size() + 2 + number > kTextWidth) {
        text += line + '\n';
        line = fmt::format("    {:<{}}", "", name);
      }
      line += fmt::format("{}{:>{}}", name == 0 && line.size() == 4 ? "" : "  ", style.text(value), number);
    }
    text += line + '\n';
  }
  return text;
}

// A sentence, wrapped and indented.
std::string paragraph(std::string_view sentence, size_t indent) {
  std::string text, line(indent, ' ');
  while (!sentence.empty()) {
    const size_t end = std::min(sentence.find(' '), sentence.size());
    if (line.size() > indent && line.size() + 1 + end > kTextWidth) {
      text += line + '\n';
      line.assign(indent, ' ');
    }
    if (line.size() > indent) line += ' ';
    line += sentence.substr(0, end);
    sentence.remove_prefix(std::min(end + 1, sentence.size()));
  }
  return text + line + '\n';
}

}  // namespace

std::string as_text(const Walk& walk) {
  std::string text = walk.title() + '\n';
  for (const std::string& note : walk.notes()) text += paragraph(note, 0);
  for (const Step& step : walk.steps()) {
    if (!step.shown) continue;
    text += fmt::format("\n{}. {}: {}\n", step.number, step.heading, step.symbol.text);
    if (!step.formula.text.empty()) text += fmt::format("    {}\n", step.formula.text);
    const Grid grid = grid_of(step.numbers.shape);
    const NumberStyle style(step);
    text += grid.labels.empty() ? lists(columns_of(step), style) : matrices(columns_of(step), grid, style);
    if (step.kind != Step::Kind::given) text += paragraph(agreement_of(step), 4);
    for (const std::string& remark : step.remarks) text += paragraph(remark, 4);
  }
  return text + '\n' + paragraph(summary_of(walk), 0);
}

}  // namespace cofactor
