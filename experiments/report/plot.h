// Plots of the report's page, drawn by gnuplot: SVG that follows the page's colours, whose marks tell their numbers,
// and PNG.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace cofactor {

// How a method is drawn: colour, gnuplot's point types, and the same marks as characters for legends. Ours are filled,
// the paper's are open.
struct MethodLook {
  std::string_view method, color;
  int filled, open;
  std::string_view filled_sign, open_sign;
};
const MethodLook& look_of(std::string_view method);

struct Mark {
  double x = 0.0, y = 0.0;
  double deviation = 0.0;
  std::string tip;  // shown beside the mark
};

enum class LineStyle {
  filled,  // marks with error bars, and a line
  open,    // open marks, and a thin dashed line
  marks,   // small crosses alone
  curve,   // a line alone
  dashed   // a thin dashed line alone
};

struct Series {
  std::string label;  // in a PNG's legend
  std::string color;
  int point = 0;
  LineStyle style = LineStyle::filled;
  std::vector<Mark> marks;  // by rising x
  std::string tip{};        // of the whole line
};

struct Plot {
  std::string name;   // of letters and digits: part of ids and of file names
  std::string title;  // of the PNG, and of the SVG for screen readers
  std::string x_label, y_label;
  double left = 0.0, right = 1.0;
  double widest_gap = 1.0;   // marks that lie further apart are not joined: nothing is drawn where nothing was measured
  bool is_accuracy = false;  // the axis ends at 100
  std::vector<Series> series;
};

// Each plot as an <svg> element. All text in it is escaped, and no text from outside reaches gnuplot. Throws Error as
// run_gnuplot does, which may use `folder`.
std::vector<std::string> draw_svg(const std::vector<Plot>& plots, const std::filesystem::path& folder);

// Each plot as the bytes of a PNG, with a legend.
std::vector<std::string> draw_png(const std::vector<Plot>& plots, const std::filesystem::path& folder);

}  // namespace cofactor
