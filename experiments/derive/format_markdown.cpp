#include "experiments/derive/format.h"

namespace cofactor {
namespace {

// A bar in a cell would end it.
std::string in_cell(const std::string& latex) {
  std::string text;
  for (const char c : latex) text += c == '|' ? std::string("\\vert ") : std::string(1, c);
  return text;
}

std::string table_of(const Step& step) {
  const std::vector<Column> columns = columns_of(step);
  const Grid grid = grid_of(step.numbers.shape);
  const NumberStyle style(step);
  std::string header = fmt::format("| ${}$ |", in_cell(step.symbol.latex)), rule = "| --- |";
  for (const Column& column : columns) {
    header += fmt::format(" {} |", column.name);
    rule += " --- |";
  }
  std::string table = header + '\n' + rule + '\n';
  for (int64_t row = 0; row < grid.rows; ++row) {
    table += fmt::format("| {} |", grid.labels.empty() ? "" : grid.labels[static_cast<size_t>(row)]);
    for (const Column& column : columns) {
      for (int64_t c = 0; c < grid.columns; ++c)
        table += fmt::format("{} {}", c == 0 ? "" : ",",
                             style.text((*column.values)[static_cast<size_t>(row * grid.columns + c)]));
      table += " |";
    }
    table += '\n';
  }
  return table;
}

}  // namespace

std::string as_markdown(const Walk& walk) {
  std::string text = fmt::format("## {}\n", walk.title());
  for (const std::string& note : walk.notes()) text += fmt::format("\n{}\n", note);
  for (const Step& step : walk.steps()) {
    if (!step.shown) continue;
    text += fmt::format("\n**{}. {}**\n", step.number, step.heading);
    if (!step.formula.latex.empty()) text += fmt::format("\n```math\n{}\n```\n", step.formula.latex);
    text += '\n' + table_of(step);
    std::string sentences = agreement_of(step);
    for (const std::string& remark : step.remarks) sentences += (sentences.empty() ? "" : " ") + remark;
    if (!sentences.empty()) text += '\n' + sentences + '\n';
  }
  return text + '\n' + summary_of(walk) + '\n';
}

}  // namespace cofactor
