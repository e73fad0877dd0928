#include "experiments/report/figure.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <map>

#include "data/checksum.h"
#include "engine/error.h"
#include "engine/io/file.h"
#include "engine/io/text.h"
#include "experiments/report/gnuplot.h"
#include "experiments/report/plot.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

// Points of the SVG; the PNG has twice as many pixels.
constexpr size_t kAxisWidth = 95, kPanelWidth = 420, kLonePanelWidth = 560, kGap = 60, kFigureHeight = 430;
constexpr double kLeft = -0.03, kRight = 1.03;  // of the axis of rates

// Of methods that the paper does not have; with other dashes each time that they are used up.
struct OtherLook {
  std::string_view color;
  int point;
};
constexpr std::array<OtherLook, 2> kOtherLooks = {{{kOkabeIto[5], 15}, {"#000000", 3}}};

// A name from a results file as part of a file name that cannot lead out of the folder.
std::string file_name(std::string name) {
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_') c = '_';
  }
  return name;
}

std::vector<std::string> distinct(const std::vector<Summary>& summaries, const std::string Summary::*column) {
  std::vector<std::string> names;
  for (const Summary& summary : summaries) {
    if (std::ranges::find(names, summary.*column) == names.end()) names.push_back(summary.*column);
  }
  return names;
}

std::vector<Summary> select(const std::vector<Summary>& summaries, std::string_view noise, std::string_view method) {
  std::vector<Summary> result;
  for (const Summary& summary : summaries) {
    if (summary.noise == noise && (method.empty() || summary.method == method)) result.push_back(summary);
  }
  std::ranges::sort(result, {}, &Summary::rate);
  return result;
}

// h0 changes only where the majority label does, so it is drawn in steps between the rates.
std::string majority_block(const std::vector<Summary>& points, double left, double right) {
  std::vector<std::pair<double, double>> levels;  // (rate, accuracy), one per rate
  for (const Summary& point : points) {
    if (levels.empty() || levels.back().first != point.rate) levels.emplace_back(point.rate, point.majority);
  }
  std::string block;
  for (size_t i = 0; i < levels.size(); ++i) {
    const double from = i == 0 ? left : (levels[i - 1].first + levels[i].first) / 2.0;
    const double to = i + 1 == levels.size() ? right : (levels[i].first + levels[i + 1].first) / 2.0;
    block += fmt::format("{0:.4f} {2:.4f}\n{1:.4f} {2:.4f}\n", from, to, levels[i].second);
  }
  return block;
}

// The lowest value shown: a multiple of 5 with room below the lowest point. The top is 100 and a bit.
double lower_limit(const std::vector<Summary>& summaries) {
  double lowest = 100.0;
  for (const Summary& summary : summaries) {
    lowest = std::min({lowest, summary.mean - summary.deviation, summary.majority});
  }
  return std::clamp(std::floor((lowest - 2.0) / 5.0) * 5.0, 0.0, 90.0);
}

// The methods of a figure, each with its look.
struct Styles {
  std::vector<std::string> methods, styles;
};

Styles styles_of(const std::vector<std::string>& methods) {
  Styles all{methods, {}};
  size_t others = 0;
  for (const std::string& method : methods) {
    const MethodLook& look = look_of(method);
    const bool is_other = look.method.empty();
    const OtherLook shown = is_other ? kOtherLooks[others % kOtherLooks.size()] : OtherLook{look.color, look.filled};
    const size_t dashes = is_other ? 1 + others++ / kOtherLooks.size() : 1;
    all.styles.push_back(
        fmt::format("with yerrorlines linewidth 2.2 dashtype {} pointsize 1.1 pointtype {} linecolor rgb '{}'", dashes,
                    shown.point, shown.color));
  }
  return all;
}

constexpr std::string_view kMajorityStyle = "with lines linewidth 2 dashtype 2 linecolor rgb '#666666'";

// The legend of all panels: an empty plot over the whole width, below them.
std::string legend(const Styles& styles) {
  std::string entries;
  for (size_t m = 0; m < styles.methods.size(); ++m) {
    entries += fmt::format("keyentry {} title {} noenhanced, ", styles.styles[m],
                           gnuplot_string(upper_case(styles.methods[m])));
  }
  return fmt::format(
      "set lmargin at screen 0\nset rmargin at screen 1\nset bmargin at screen 0\nset tmargin at screen 0.14\n"
      "unset title\nunset border\nunset tics\nunset xlabel\n"
      "set key at screen 0.5, screen 0.055 center center horizontal Left reverse samplen 2.5 width -3\n"
      "plot {}keyentry {} title 'majority (h_0)', NaN notitle\n",
      entries, kMajorityStyle);
}

// The data of a panel and its plot command.
std::string panel(const std::vector<Summary>& summaries, const std::string& noise, size_t index, const Styles& styles) {
  const std::vector<Summary> here = select(summaries, noise, "");
  const double lowest = lower_limit(here), span = 100.0 - lowest;
  const std::string name = fmt::format("$panel{}_", index);
  std::string blocks = fmt::format("{}h0 << EOD\n{}EOD\n", name, majority_block(here, kLeft, kRight));
  std::string plots = fmt::format("{}h0 {} notitle", name, kMajorityStyle);
  for (size_t m = 0; m < styles.methods.size(); ++m) {
    const std::vector<Summary> points = select(summaries, noise, styles.methods[m]);
    if (points.empty()) continue;
    blocks += fmt::format("{}{} << EOD\n", name, m);
    for (const Summary& point : points)
      blocks += fmt::format("{} {:.4f} {:.4f}\n", point.rate, point.mean, point.deviation);
    blocks += "EOD\n";
    plots += fmt::format(", {}{} using 1:2:3 {} notitle", name, m, styles.styles[m]);
  }
  const int step = span > 60.0 ? 20 : span > 25.0 ? 10 : 5;
  const bool is_full = std::ranges::all_of(here, &Summary::is_full);
  const std::string title = noise + (is_full ? "" : " (fewer epochs or data than in the paper)");
  return fmt::format("{}set title {} noenhanced\nset yrange [{}:{}]\nset ytics {}\nplot {}\n", blocks,
                     gnuplot_string(title), lowest, 100.0 + 0.02 * span, step, plots);
}

}  // namespace

std::string figure_script(const std::vector<Summary>& summaries) {
  const std::vector<std::string> noises = distinct(summaries, &Summary::noise);
  const Styles styles = styles_of(distinct(summaries, &Summary::method));
  const size_t panel_width = noises.size() == 1 ? kLonePanelWidth : kPanelWidth;
  const size_t width = kAxisWidth + panel_width * noises.size();
  const auto screen = [width](size_t points) { return static_cast<double>(points) / static_cast<double>(width); };
  std::string draw = fmt::format(
      "set encoding utf8\nset multiplot\nunset key\n"
      "set grid ytics linecolor rgb '#cccccc' linewidth 1 dashtype 1\n"
      "set border 3 linecolor rgb '#444444'\nset tics nomirror out\n"
      "set xrange [{}:{}]\nset xtics 0, 0.2, 1\nset tmargin at screen 0.89\nset bmargin at screen 0.28\n"
      "set xlabel 'noise rate r'\nset ylabel 'test accuracy (%)' offset 1\n",
      kLeft, kRight);
  for (size_t i = 0; i < noises.size(); ++i) {
    const size_t left = kAxisWidth + i * panel_width;
    draw += fmt::format("set lmargin at screen {:.4f}\nset rmargin at screen {:.4f}\n{}unset ylabel\n", screen(left),
                        screen(left + panel_width - kGap), panel(summaries, noises[i], i, styles));
  }
  draw += legend(styles);
  draw += "unset multiplot\nunset output\n";
  return fmt::format(
      "set terminal svg size {0},{1} font 'DejaVu Sans,13' background '#ffffff'\nset output 'figure.svg'\n{4}reset\n"
      "set terminal pngcairo size {2},{3} font 'DejaVu Sans,13' fontscale 2 linewidth 2 pointscale 2\n"
      "set output 'figure.png'\n{4}",
      width, kFigureHeight, 2 * width, 2 * kFigureHeight, draw);
}

std::string drawn_from(const std::string& script) {
  return fmt::format("<!-- drawn from {} -->", checksum_text(checksum_of(script)));
}

std::map<std::string, std::string> draw_script(const std::string& script, const fs::path& otherwise) {
  std::map<std::string, std::string> files = run_gnuplot(script, {"figure.svg", "figure.png"}, otherwise);
  std::string& svg = files.at("figure.svg");
  const size_t end = svg.rfind("</svg>");
  check(end != std::string::npos, "gnuplot drew an SVG without an end");
  svg.insert(end, drawn_from(script) + "\n");
  return files;
}

void draw_figure(const std::vector<Summary>& summaries, const fs::path& stem) {
  const std::map<std::string, std::string> files =
      draw_script(figure_script(summaries), fs::absolute(stem).parent_path());
  for (const char* extension : {".svg", ".png"}) {
    fs::path path = stem;
    write_file_atomically(path += extension, files.at(std::string("figure") + extension));
  }
}

std::vector<fs::path> draw_figures(const std::vector<Summary>& summaries, const fs::path& folder) {
  ensure_writable_directory(folder);
  std::map<std::string, std::vector<Summary>> by_experiment;
  for (const Summary& summary : summaries) by_experiment[summary.experiment].push_back(summary);
  std::vector<fs::path> files;
  for (const auto& [experiment, rows] : by_experiment) {
    const fs::path stem = folder / (file_name(experiment) + "_accuracy");
    draw_figure(rows, stem);
    for (const char* extension : {".svg", ".png"}) files.push_back(stem.string() + extension);
  }
  return files;
}

}  // namespace cofactor
