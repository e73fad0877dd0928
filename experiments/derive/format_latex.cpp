#include "experiments/derive/format.h"

#include <algorithm>

namespace cofactor {
namespace {

constexpr int64_t kMostRows = 30;   // of one display, which LaTeX does not break over pages
constexpr int64_t kMostInList = 8;  // numbers of a list on one line

// Text outside of mathematics.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '\\': result += "\\textbackslash{}"; break;
      case '^': result += "\\textasciicircum{}"; break;
      case '~': result += "\\textasciitilde{}"; break;
      case '{':
      case '}':
      case '$':
      case '&':
      case '#':
      case '_':
      case '%': result += '\\'; [[fallthrough]];
      default: result += c;
    }
  }
  return result;
}

// Rows first .. last - 1 of a list of numbers as an array, no wider than the line.
std::string array_of(const Column& column, const NumberStyle& style, int64_t columns, int64_t first, int64_t last) {
  std::string text =
      fmt::format("\\fitted{{\\left(\\begin{{array}}{{{}}}\n", std::string(static_cast<size_t>(columns), 'r'));
  const auto count = static_cast<int64_t>(column.values->size());
  for (int64_t row = first; row < last; ++row) {
    for (int64_t c = 0; c < columns; ++c) {
      const int64_t at = row * columns + c;
      if (c > 0) text += " & ";
      if (at < count) text += style.text((*column.values)[static_cast<size_t>(at)]);
    }
    text += row + 1 < last ? " \\\\\n" : "\n";
  }
  return text + "\\end{array}\\right)}";
}

std::string displays_of(const Step& step) {
  Grid grid = grid_of(step.numbers.shape);
  const auto count = static_cast<int64_t>(step.numbers.values.size());
  if (grid.labels.empty()) {  // a list, wrapped
    grid.columns = std::min(count, kMostInList);
    grid.rows = (count + grid.columns - 1) / grid.columns;
  }
  const NumberStyle style(step);
  std::string text;
  for (const Column& column : columns_of(step)) {
    const std::string name = column.name.empty() ? "" : fmt::format("\\text{{{}:}} \\quad ", column.name);
    for (int64_t first = 0; first < grid.rows; first += kMostRows) {
      const int64_t last = std::min(first + kMostRows, grid.rows);
      const std::string part = first == 0 ? fmt::format("{}{} =", name, step.symbol.latex) : "\\ldots";
      const std::string numbers =
          count == 1 ? style.text(column.values->front()) : array_of(column, style, grid.columns, first, last);
      text += fmt::format("\\[ {} {} \\]\n", part, numbers);
    }
  }
  return text;
}

}  // namespace

std::string as_latex(const Walk& walk) {
  std::string text = fmt::format(
      "\\documentclass[a4paper]{{article}}\n"
      "\\usepackage[T1]{{fontenc}}\n"
      "\\usepackage{{amsmath,graphicx}}\n"
      "\\usepackage[margin=2.5cm]{{geometry}}\n"
      "\\setlength{{\\parindent}}{{0pt}}\n"
      "\\newcommand{{\\fitted}}[1]{{\\resizebox{{\\ifdim\\width>0.8\\linewidth 0.8\\linewidth\\else\\width\\fi}}{{!}}"
      "{{$\\displaystyle #1$}}}}\n"
      "\\begin{{document}}\n"
      "\\section*{{{}}}\n",
      escaped(walk.title()));
  for (const std::string& note : walk.notes()) text += escaped(note) + "\n\n";
  for (const Step& step : walk.steps()) {
    if (!step.shown) continue;
    text += fmt::format("\n\\subsection*{{{}. {}}}\n", step.number, escaped(step.heading));
    if (!step.formula.latex.empty()) text += fmt::format("\\[ {} \\]\n", step.formula.latex);
    text += displays_of(step);
    if (step.kind != Step::Kind::given) text += escaped(agreement_of(step)) + "\n\n";
    for (const std::string& remark : step.remarks) text += escaped(remark) + "\n\n";
  }
  return text + "\n\\medskip\n" + escaped(summary_of(walk)) + "\n\\end{document}\n";
}

}  // namespace cofactor
