#include "experiments/report/plot.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/error.h"
#include "experiments/report/gnuplot.h"
#include "experiments/report/html.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

// The last look is that of any other method.
constexpr std::array<MethodLook, 6> kMethodLooks = {{{"ce", kOkabeIto[0], 7, 6, "●", "○"},
                                                     {"dmi", kOkabeIto[1], 9, 8, "▲", "△"},
                                                     {"gce", kOkabeIto[2], 5, 4, "■", "□"},
                                                     {"fw", kOkabeIto[3], 13, 12, "◆", "◇"},
                                                     {"lccn", kOkabeIto[4], 11, 10, "▼", "▽"},
                                                     {"", kOkabeIto[5], 15, 14, "⬟", "⬠"}}};

// Of axes and grid. In SVG they are replaced by the page's colours.
constexpr std::string_view kInk = "#444444", kGridColor = "#cccccc";
constexpr std::string_view kTip = "tip-";

std::string line_style(const Series& series) {
  const auto line = [&](double width, int dashes) {
    return fmt::format("linewidth {} dashtype {} linecolor rgb '{}'", width, dashes, series.color);
  };
  switch (series.style) {
    case LineStyle::filled:
      return fmt::format("with yerrorlines pointtype {} pointsize 0.9 {}", series.point, line(2, 1));
    case LineStyle::open:
      return fmt::format("with linespoints pointtype {} pointsize 1.1 {}", series.point, line(1, 3));
    case LineStyle::marks: return fmt::format("with points pointtype 2 pointsize 0.7 {}", line(1, 1));
    case LineStyle::curve: return "with lines " + line(1.6, 1);
    case LineStyle::dashed: return "with lines " + line(1.2, 2);
  }
  fail("plot: unknown style");
}

bool has_tips(const Series& series) {
  return series.style != LineStyle::curve && series.style != LineStyle::dashed;
}

// A lower limit with room below the lowest mark, in steps that the axis shows.
double lower_limit(const Plot& plot) {
  double lowest = 95.0;
  for (const Series& series : plot.series) {
    for (const Mark& mark : series.marks) lowest = std::min(lowest, mark.y - mark.deviation);
  }
  return std::clamp(std::floor((lowest - 2.0) / 5.0) * 5.0, 0.0, 90.0);
}

// The marks of a series as data; an empty line breaks the line between two.
std::string data_block(const Series& series, const std::string& name, double widest_gap) {
  std::string block = fmt::format("{} << EOD\n", name);
  const Mark* last = nullptr;
  for (const Mark& mark : series.marks) {
    if (!std::isfinite(mark.y)) continue;
    if (last != nullptr && mark.x - last->x > widest_gap * 1.001) block += "\n";
    block += fmt::format("{} {} {}\n", mark.x, mark.y, mark.deviation);
    last = &mark;
  }
  return block + "EOD\n";
}

// The axes of a plot and its data; names of data blocks begin with `prefix`.
std::string axes(const Plot& plot, const std::string& prefix) {
  std::string script = fmt::format(
      "reset\nset border 3 linecolor rgb '{0}'\nset tics nomirror out textcolor rgb '{0}'\n"
      "set grid ytics linecolor rgb '{1}' linewidth 1 dashtype 1\nset xrange [{2}:{3}]\n"
      "set lmargin 10.5\nset rmargin 1\nset tmargin 0.5\nset bmargin 3.2\n"
      "set xlabel '{4}' offset 0,0.6 textcolor rgb '{0}'\nset ylabel '{5}' offset 0.5 textcolor rgb '{0}'\n",
      kInk, kGridColor, plot.left, plot.right, plot.x_label, plot.y_label);
  if (plot.is_accuracy || plot.series.empty()) script += fmt::format("set yrange [{}:101]\n", lower_limit(plot));
  for (size_t s = 0; s < plot.series.size(); ++s)
    script += data_block(plot.series[s], fmt::format("{}_{}", prefix, s), plot.widest_gap);
  return script;
}

// Marks that are drawn over those of a series and carry the keys of their tips: the gnuplot script and its plot clause.
struct Overlay {
  std::string blocks, clauses;
};

// `tips` gets the texts; a text's place is its key, so that gnuplot sees only numbers.
Overlay overlay(const Plot& plot, const std::string& prefix, std::vector<std::string>& tips) {
  Overlay result;
  for (size_t s = 0; s < plot.series.size(); ++s) {
    if (!has_tips(plot.series[s])) continue;
    result.blocks += fmt::format("{}_tips{} << EOD\n", prefix, s);
    for (const Mark& mark : plot.series[s].marks) {
      if (!std::isfinite(mark.y)) continue;
      result.blocks += fmt::format("{} {} {}{}\n", mark.x, mark.y, kTip, tips.size());
      tips.push_back(mark.tip);
    }
    result.blocks += "EOD\n";
    result.clauses +=
        fmt::format(", {}_tips{} using 1:2:3 with labels hypertext point pointtype 7 pointsize 2.2 notitle", prefix, s);
  }
  return result;
}

std::string svg_script(const Plot& plot, size_t index, std::vector<std::string>& tips) {
  const std::string prefix = fmt::format("$p{}", index);
  std::string clauses;
  for (size_t s = 0; s < plot.series.size(); ++s) {
    clauses += fmt::format("{}{}_{} {} title '{}{}'", s == 0 ? "" : ", ", prefix, s, line_style(plot.series[s]), kTip,
                           tips.size());
    tips.push_back(plot.series[s].tip);
  }
  const Overlay over = overlay(plot, prefix, tips);
  return fmt::format(
      "set terminal svg size 420,300 dynamic noenhanced font 'sans-serif,13' name '{0}'\nset output '{0}.svg'\n{1}{2}"
      "unset key\nplot {3}{4}\nunset output\n",
      plot.name, axes(plot, prefix), over.blocks, clauses.empty() ? "NaN notitle" : clauses, over.clauses);
}

std::string png_script(const Plot& plot, size_t index) {
  const std::string prefix = fmt::format("$p{}", index);
  std::string clauses;
  for (size_t s = 0; s < plot.series.size(); ++s) {
    clauses += fmt::format("{}{}_{} {} title {}", s == 0 ? "" : ", ", prefix, s, line_style(plot.series[s]),
                           gnuplot_string(plot.series[s].label));
  }
  return fmt::format(
      "set terminal pngcairo noenhanced size 1000,800 font 'DejaVu Sans,13' fontscale 1.5 linewidth 2 pointscale 2\n"
      "set output '{}.png'\n{}set title {}\nset key below\nset xlabel offset 0,0\nunset bmargin\nunset tmargin\nplot "
      "{}\nunset output\n",
      plot.name, axes(plot, prefix), gnuplot_string(plot.title), clauses.empty() ? "NaN notitle" : clauses);
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

// Puts the texts of tips in the place of their keys: of marks, whose element gnuplot gives handlers of its own, and of
// lines, which have the key as their title.
std::string with_tips(const std::string& svg, const std::vector<std::string>& tips) {
  static const std::string mark = "<g onmousemove=\"gnuplot_svg.showHypertext(evt,'" + std::string(kTip);
  static const std::string mark_end = "<title> </title>", line = "<title>" + std::string(kTip), line_end = "</title>";
  std::string result;
  size_t at = 0;
  while (true) {
    const size_t next_mark = svg.find(mark, at), next_line = svg.find(line, at);
    const size_t next = std::min(next_mark, next_line);
    if (next == std::string::npos) return result + svg.substr(at);
    const bool is_mark = next == next_mark;
    const size_t key_at = next + (is_mark ? mark : line).size();
    const std::string& tip = tips.at(std::stoul(svg.substr(key_at, 12)));
    const std::string& end = is_mark ? mark_end : line_end;
    result += svg.substr(at, next - at);
    if (is_mark) result += "<g class=\"mark\" tabindex=\"0\">";
    if (!tip.empty()) result += "<title>" + html(tip) + "</title>";
    const size_t end_at = svg.find(end, key_at);
    check(end_at != std::string::npos, "plot: gnuplot's drawing has no '{}'", end);
    at = end_at + end.size();
  }
}

// The <svg> element for a page that holds several: its own ids, the page's colours, its title.
std::string as_element(std::string svg, const Plot& plot, const std::vector<std::string>& tips) {
  const size_t content = svg.find("<g id=\"gnuplot_canvas\">");
  check(content != std::string::npos, "plot: gnuplot drew no canvas");
  svg = svg.substr(content);
  // What gnuplot writes where nothing is drawn with a setting.
  for (const std::string_view color : {"black", "gray", "white"}) {
    for (const std::string_view width : {"0.50", "1.00", "2.00"}) {
      for (const std::string_view stroke : {"currentColor", "rgb( 68,  68,  68)", "rgb(204, 204, 204)", "black"}) {
        replace_all(svg,
                    fmt::format("<g fill=\"none\" color=\"{}\" stroke=\"{}\" stroke-width=\"{}\" "
                                "stroke-linecap=\"butt\" stroke-linejoin=\"miter\">\n</g>\n",
                                color, stroke, width),
                    "");
      }
    }
  }
  replace_all(svg, "id=\"gnuplot_canvas\"", "class=\"canvas\"");
  replace_all(svg, "id='gp", fmt::format("id='{}-", plot.name));
  replace_all(svg, "'#gp", fmt::format("'#{}-", plot.name));
  for (const std::string_view box : {"textbox", "greybox"})
    replace_all(svg, fmt::format("id='{}'", box), fmt::format("id='{}-{}'", plot.name, box));
  for (const std::string_view ink : {"rgb( 68,  68,  68)", "rgb(68,68,68)"}) replace_all(svg, ink, "currentColor");
  replace_all(svg, "color=\"black\"", "");
  replace_all(svg, "color=\"gray\"", "");
  replace_all(svg, "stroke='rgb(204, 204, 204)'", "");  // the page colours .gridline
  return fmt::format(
      "<svg viewBox=\"0 0 420 300\" role=\"img\" aria-label=\"{}\" xmlns=\"http://www.w3.org/2000/svg\" "
      "xmlns:xlink=\"http://www.w3.org/1999/xlink\">\n{}",
      html(plot.title), with_tips(svg, tips));
}

std::vector<std::string> names_of(const std::vector<Plot>& plots, std::string_view extension) {
  std::vector<std::string> names;
  for (const Plot& plot : plots) names.push_back(plot.name + std::string(extension));
  return names;
}

}  // namespace

const MethodLook& look_of(std::string_view method) {
  const auto found = std::ranges::find(kMethodLooks, method, &MethodLook::method);
  return found == kMethodLooks.end() ? kMethodLooks.back() : *found;
}

std::vector<std::string> draw_svg(const std::vector<Plot>& plots, const fs::path& folder) {
  if (plots.empty()) return {};
  std::string script = "set encoding utf8\n";
  std::vector<std::vector<std::string>> tips(plots.size());
  for (size_t i = 0; i < plots.size(); ++i) script += svg_script(plots[i], i, tips[i]);
  auto files = run_gnuplot(script, names_of(plots, ".svg"), folder);
  std::vector<std::string> drawn;
  for (size_t i = 0; i < plots.size(); ++i)
    drawn.push_back(as_element(std::move(files.at(plots[i].name + ".svg")), plots[i], tips[i]));
  return drawn;
}

std::vector<std::string> draw_png(const std::vector<Plot>& plots, const fs::path& folder) {
  if (plots.empty()) return {};
  std::string script = "set encoding utf8\n";
  for (size_t i = 0; i < plots.size(); ++i) script += png_script(plots[i], i);
  auto files = run_gnuplot(script, names_of(plots, ".png"), folder);
  std::vector<std::string> drawn;
  for (const Plot& plot : plots) drawn.push_back(std::move(files.at(plot.name + ".png")));
  return drawn;
}

}  // namespace cofactor
