// The figures of derive theorem, by gnuplot.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "engine/io/file.h"
#include "experiments/derive/theorem.h"
#include "experiments/report/gnuplot.h"

namespace cofactor::theorem {
namespace {

namespace fs = std::filesystem;

constexpr int kPoints[] = {7, 9, 5, 13, 11, 15};  // filled: circle, triangle, square, diamond, triangle down, pentagon

std::string color(size_t k) {
  return fmt::format("linecolor rgb '{}'", kOkabeIto[k % kOkabeIto.size()]);
}

// Colour and mark of noise or series number k: once the colours are used up, each comes with another mark.
std::string look(size_t k) {
  return fmt::format("pointtype {} {}", kPoints[(k + k / kOkabeIto.size()) % std::size(kPoints)], color(k));
}

constexpr std::string_view kDashed = "with lines linewidth 1.5 dashtype 2", kGrayColor = "linecolor rgb '#777777'";

std::string gray_line() {
  return fmt::format("{} {}", kDashed, kGrayColor);
}

// An entry of the key below all panels, with its style.
struct KeyEntry {
  std::string title, style;
};

// A figure's name, the title over all panels, the number of panels in a row and of rows, and what draws them.
struct Figure {
  std::string name, title;
  int columns, rows;
  std::string panels;
  std::vector<KeyEntry> key;
};

// Points of the SVG; the PNG has twice as many pixels.
constexpr double kWidth = 960.0, kHeight = 540.0, kLetter = 7.8, kKeyLine = 19.0;

// A panel's title and axes. Settings of an axis (a logarithm, a range, its marks) come after it.
std::string panel(std::string_view title, std::string_view x, std::string_view y) {
  return fmt::format(
      "unset logscale\nset xrange [*:*]\nset yrange [*:*]\nset xtics autofreq\nset ytics autofreq\nset format '%g'\n"
      "set title {} noenhanced\nset xlabel {} noenhanced\nset ylabel {} noenhanced\n",
      gnuplot_string(title), gnuplot_string(x), gnuplot_string(y));
}

// A logarithmic axis, x or y, marked at powers of ten.
std::string logarithmic(char axis) {
  return fmt::format("set logscale {0}\nset format {0} '10^{{%T}}'\n", axis);
}

// Six marks at most from 0 to `largest`, at multiples of 1, 2 or 5 times a power of ten.
std::string few_marks(char axis, double largest) {
  if (!(largest > 0.0)) return {};
  const double power = std::pow(10.0, std::floor(std::log10(largest / 5.0))), least = largest / 5.0 / power;
  const double step = power * (least <= 1.0 ? 1.0 : least <= 2.0 ? 2.0 : least <= 5.0 ? 5.0 : 10.0);
  return fmt::format("set {0}tics 0,{1}\nset {0}range [0:{2}]\n", axis, step, largest * 1.03);
}

// What values of a linear axis up to `largest` are divided by, so that its marks are short, and how its label says so.
struct Unit {
  double size = 1.0;
  std::string text{};
};

Unit unit_for(double largest) {
  if (!(largest > 0.0) || largest >= 1e-3) return {};
  const double exponent = std::floor(std::log10(largest));
  return {std::pow(10.0, exponent), fmt::format(" / 1e{}", exponent)};
}

// A logarithmic axis of sizes that are marked themselves, at most seven of them.
std::string marked_sizes(const std::vector<double>& sizes) {
  const size_t every = (sizes.size() + 6) / 7;
  std::string marks;
  for (size_t k = 0; k < sizes.size(); k += every)
    marks += fmt::format("{}'{:g}' {}", marks.empty() ? "" : ", ", sizes[k], sizes[k]);
  return fmt::format("set logscale x\nset xtics ({})\nset xrange [{}:{}]\n", marks, sizes.front() / 1.5,
                     sizes.back() * 1.5);
}

// Rows of numbers under a name; those that a logarithmic axis cannot show are the caller's to leave out.
class DataBlock {
 public:
  explicit DataBlock(std::string name) : name_("$" + std::move(name)) {}
  void add(std::initializer_list<double> values) {
    for (const double value : values) rows_ += fmt::format("{} ", value);
    rows_ += '\n';
  }
  const std::string& name() const { return name_; }
  // gnuplot refuses to plot an empty block; a row of NaN draws nothing.
  std::string text() const {
    return fmt::format("{} << EOD\n{}EOD\n", name_, rows_.empty() ? "NaN NaN NaN NaN\n" : rows_);
  }

 private:
  std::string name_, rows_;
};

int key_columns(const std::vector<KeyEntry>& entries) {
  size_t longest = 0;
  for (const KeyEntry& entry : entries) longest = std::max(longest, entry.title.size());
  const auto fitting = static_cast<int>(kWidth / (kLetter * static_cast<double>(longest) + 50.0));
  return std::clamp(fitting, 1, static_cast<int>(entries.size()));
}

int key_lines(const std::vector<KeyEntry>& entries) {
  const int columns = key_columns(entries);
  return (static_cast<int>(entries.size()) + columns - 1) / columns;
}

// An empty plot over the whole width with the key.
std::string draw_key(const std::vector<KeyEntry>& entries) {
  std::string plot;
  for (const KeyEntry& entry : entries)
    plot += fmt::format("keyentry {} title {} noenhanced, ", entry.style, gnuplot_string(entry.title));
  return fmt::format(
      "set lmargin at screen 0\nset rmargin at screen 1\nset bmargin at screen 0\nset tmargin at screen 0.1\n"
      "unset title\nunset border\nunset tics\nunset xlabel\nunset ylabel\nunset logscale\nset xrange [0:1]\n"
      "set yrange [0:1]\nset key at screen 0.5, screen {} center center horizontal Left reverse samplen 2 width -1 "
      "maxcols {}\nplot {}NaN notitle\n",
      (key_lines(entries) * kKeyLine / 2.0 + 6.0) / kHeight, key_columns(entries), plot);
}

std::string draw(const Figure& figure) {
  const double bottom = (key_lines(figure.key) * kKeyLine + 72.0) / kHeight;
  const std::string body = fmt::format(
      "reset\nset encoding utf8\nset border 3 linecolor rgb '#444444'\nset tics nomirror out\nunset key\n"
      "set grid linecolor rgb '#dddddd' linewidth 1 dashtype 1\n"
      "set multiplot layout {},{} title {} noenhanced font ',15' margins 0.1,0.975,{},0.85 spacing {},0.2\n{}{}"
      "unset multiplot\nunset output\n",
      figure.rows, figure.columns, gnuplot_string(figure.title), bottom, figure.columns > 2 ? 0.075 : 0.1,
      figure.panels, draw_key(figure.key));
  return fmt::format(
      "set terminal svg size {2},{3} font 'DejaVu Sans,11' background '#ffffff'\nset output '{0}.svg'\n{1}"
      "set terminal pngcairo size {4},{5} font 'DejaVu Sans,11' fontscale 2 linewidth 2 pointscale 2\n"
      "set output '{0}.png'\n{1}",
      figure.name, body, kWidth, kHeight, 2.0 * kWidth, 2.0 * kHeight);
}

// ---- 1. clean against noisy

std::string order_panel(const OrderResult& result, Measure which, const std::string& title, const std::string& axis) {
  std::string script, plots;
  double largest_clean = 0.0, largest_noisy = 0.0;
  for (const Measures& clean : result.clean) largest_clean = std::max(largest_clean, clean.values[which]);
  const Unit unit = unit_for(largest_clean);
  for (size_t n = 0; n < result.noisy.size(); ++n) {
    const OrderResult::UnderNoise& noisy = result.noisy[n];
    DataBlock block(fmt::format("order_{}_{}", static_cast<int>(which), n));
    for (size_t i = 0; i < result.clean.size(); ++i) {
      const double x = result.clean[i].values[which] / unit.size, y = noisy.measures[i].values[which] / unit.size;
      if (!std::isfinite(x) || !std::isfinite(y)) continue;
      block.add({x, y});
      largest_noisy = std::max(largest_noisy, y);
    }
    script += block.text();
    plots += fmt::format("{}{} using 1:2 with points pointsize 0.5 {}", n == 0 ? "" : ", ", block.name(), look(n));
    if (which == kDmi)
      plots += fmt::format(", {} * x with lines linewidth 1 dashtype 2 {}", std::exp(noisy.log_abs_det), color(n));
  }
  // The cross entropies of good classifiers lie close to 0.
  const std::string x = which == kCrossEntropy ? logarithmic('x') : few_marks('x', largest_clean / unit.size);
  return fmt::format("{}{}{}{}plot {}\n", panel(title, axis + unit.text + ", clean labels", "noisy labels" + unit.text),
                     x, few_marks('y', largest_noisy), script, plots);
}

Figure order_figure(const OrderResult& result) {
  Figure figure{.name = "theorem_order",
                .title = "Label noise multiplies DMI by |det T|; by other measures classifiers change places",
                .columns = 2,
                .rows = 2,
                .panels = {},
                .key = {}};
  const int64_t pairs = result.pairs() * static_cast<int64_t>(result.noisy.size());
  for (const Measure which : {kDmi, kInformation, kCrossEntropy, kAccuracy}) {
    int64_t flips = 0;
    for (const OrderResult::UnderNoise& noisy : result.noisy) flips += noisy.flips[which];
    const bool in_nats = which == kInformation || which == kCrossEntropy;
    const std::string name(kMeasureNames[which]);
    std::string title = fmt::format("{}: {} of {} pairs reversed", name, flips, pairs);
    title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
    figure.panels += order_panel(result, which, title, in_nats ? name + " (nats)" : name);
  }
  for (size_t n = 0; n < result.noisy.size(); ++n) {
    const OrderResult::UnderNoise& noisy = result.noisy[n];
    figure.key.push_back({fmt::format("{}: |det T| = {:.3g}", noisy.name, std::exp(noisy.log_abs_det)),
                          "with points pointsize 0.9 " + look(n)});
  }
  return figure;
}

// ---- 2. finite samples

// The three panels of one noise: data blocks, and a clause for each plot command.
struct SamplesOfNoise {
  std::string blocks, dmi, constant, deviation;
};

SamplesOfNoise samples_of_noise(const ConvergenceResult::UnderNoise& noisy, size_t n) {
  DataBlock ratio(fmt::format("ratio{}", n)), constant(fmt::format("constant{}", n)),
      deviation(fmt::format("deviation{}", n)), predicted(fmt::format("predicted{}", n));
  const double apart = std::pow(10.0, 0.08 * static_cast<double>(n));  // so that bars do not cover each other
  for (const ConvergenceResult::AtSize& at : noisy.sizes) {
    const auto samples = static_cast<double>(at.samples);
    const double mean = at.dmi.mean / noisy.dmi, spread = at.dmi.deviation / noisy.dmi;
    if (mean > 0.0) ratio.add({samples * apart, mean, std::max(mean - spread, 1e-3), mean + spread});
    if (at.constant.count > 0) constant.add({samples * apart, at.constant.mean, at.constant.deviation});
    if (at.constant.deviation > 0.0 && at.predicted > 0.0) deviation.add({samples, at.constant.deviation});
    if (at.predicted > 0.0) predicted.add({samples, at.predicted});
  }
  const std::string line = fmt::format("{} {}", kDashed, color(n));
  return {.blocks = ratio.text() + constant.text() + deviation.text() + predicted.text(),
          .dmi = fmt::format("{} with yerrorbars linewidth 1.5 pointsize 0.6 {}", ratio.name(), look(n)),
          .constant = fmt::format("{} {}, {} with yerrorbars linewidth 1.5 pointsize 0.6 {}", noisy.constant, line,
                                  constant.name(), look(n)),
          .deviation =
              fmt::format("{} {}, {} with points pointsize 0.7 {}", predicted.name(), line, deviation.name(), look(n))};
}

Figure samples_figure(const ConvergenceResult& result) {
  std::string blocks, dmi = "1 " + gray_line(), constants, deviations;
  std::vector<KeyEntry> key;
  for (size_t n = 0; n < result.noisy.size(); ++n) {
    const SamplesOfNoise clauses = samples_of_noise(result.noisy[n], n);
    blocks += clauses.blocks;
    dmi += ", " + clauses.dmi;
    constants += (n == 0 ? "" : ", ") + clauses.constant;
    deviations += (n == 0 ? "" : ", ") + clauses.deviation;
    key.push_back({result.noisy[n].name, "with points pointsize 0.9 " + look(n)});
  }
  // gnuplot finds no range where nothing is drawn.
  const bool is_exact = std::ranges::all_of(
      result.noisy, [](const ConvergenceResult::UnderNoise& noisy) { return noisy.sizes.front().predicted == 0.0; });
  const std::string range = is_exact ? "set yrange [0.1:1]\n" : "";
  key.push_back({"exact; predicted: σ / √N", gray_line()});
  const std::vector<ConvergenceResult::AtSize>& sizes = result.noisy.front().sizes;
  const auto least = static_cast<double>(sizes.front().samples), most = static_cast<double>(sizes.back().samples);
  const double apart = std::pow(10.0, 0.08 * static_cast<double>(result.noisy.size()));
  const std::string axis = fmt::format("{}set xrange [{}:{}]\n", logarithmic('x'), least / 1.6, most * 1.3 * apart);
  return {.name = "theorem_samples",
          .title = fmt::format("Estimates from N samples: mean and standard deviation of {} repetitions",
                               result.repetitions),
          .columns = 3,
          .rows = 1,
          .panels =
              fmt::format("{}{}set logscale y\nset yrange [0.1:*]\n{}plot {}\n{}{}plot {}\n{}{}{}plot {}\n",
                          panel("DMI: estimate / exact", "samples N", ""), axis, blocks, dmi,
                          panel("log|det T|: estimate", "samples N", ""), axis, constants,
                          panel("its standard deviation", "samples N", ""), axis, logarithmic('y') + range, deviations),
          .key = std::move(key)};
}

// ---- 3. processing

Figure processing_figure(const ProcessingResult& result) {
  DataBlock dmi("processed"), ratio("ratio");
  double largest = 0.0;
  for (const ProcessingResult::Processed& one : result.classifiers)
    largest = std::max(largest, one.before.values[kDmi]);
  const Unit unit = unit_for(largest);
  largest /= unit.size;
  for (const ProcessingResult::Processed& one : result.classifiers) {
    const double before = one.before.values[kDmi], after = one.after.values[kDmi];
    dmi.add({before / unit.size, after / unit.size});
    if (before > 0.0) ratio.add({one.abs_det, after / before});
  }
  const std::string points = "with points pointsize 0.8 " + look(1), line = gray_line();
  return {.name = "theorem_processing",
          .title = "Processing the output by a random stochastic matrix R never raises DMI",
          .columns = 2,
          .rows = 1,
          .panels = fmt::format(
              "{}{}{}{}{}plot x {}, {} using 1:2 {}\n{}{}{}plot x {}, {} using 1:2 {}\n", dmi.text(), ratio.text(),
              panel("No point lies above the line", "DMI before" + unit.text, "DMI after" + unit.text),
              few_marks('x', largest), few_marks('y', largest), line, dmi.name(), points,
              panel("The ratio is |det R|", "|det R|", "DMI after / DMI before"), few_marks('x', 1.0),
              few_marks('y', 1.0), line, ratio.name(), points),
          .key = {{"one classifier each", points}, {"y = x", line}}};
}

// ---- 4. the gradient

Figure gradient_figure(const GradientResult& result) {
  DataBlock exact("exact"), bound("bound");
  for (const GradientResult::AtDistance& step : result.steps) {
    exact.add({step.smallest, step.exact.value});
    bound.add({step.smallest, 1.0 / step.smallest});
  }
  const std::string exact_style = "with linespoints linewidth 2 pointsize 0.8 " + look(0);
  const std::string bound_style = "with lines linewidth 7 linecolor rgb '#bbbbbb'";
  std::string blocks = exact.text() + bound.text();
  std::string plots = fmt::format("{} {}, {} {}", bound.name(), bound_style, exact.name(), exact_style);
  std::vector<KeyEntry> key = {{"exact: −U⁻ᵀ", exact_style}, {"1 / s", bound_style}};
  for (size_t e = 0; e < result.epsilons.size(); ++e) {
    DataBlock smoothed(fmt::format("smoothed{}", e));
    for (const GradientResult::AtDistance& step : result.steps)
      if (step.smoothed[e].value > 0.0) smoothed.add({step.smallest, step.smoothed[e].value});
    const std::string style = "with linespoints linewidth 2 pointsize 0.8 " + look(e + 1);
    blocks += smoothed.text();
    plots += fmt::format(", {} {}", smoothed.name(), style);
    key.push_back({fmt::format("smoothed, ε = {:g}", result.epsilons[e]), style});
  }
  return {.name = "theorem_gradient",
          .title = "The gradient of L_DMI grows without bound near a singular U; smoothing bounds it",
          .columns = 1,
          .rows = 1,
          .panels = fmt::format("{}{}{}{}plot {}\n",
                                panel("The outputs for two classes become alike, from right to left",
                                      "smallest singular value s of U", "norm of dL/dU"),
                                logarithmic('x'), logarithmic('y'), blocks, plots),
          .key = std::move(key)};
}

// ---- 5. batches

Figure batch_figure(const BatchResult& result) {
  DataBlock means("means"), predicted("predicted"), absent("absent"), exact("exact");
  std::vector<double> sizes;
  for (const BatchResult::AtSize& at : result.sizes) {
    const auto size = static_cast<double>(at.size);
    sizes.push_back(size);
    if (at.log_abs_det.count > 0) means.add({size, at.log_abs_det.mean, at.log_abs_det.deviation});
    if (at.log_abs_det.count > 0) predicted.add({size, result.log_abs_det + at.predicted});
    absent.add({size, static_cast<double>(at.absent) / static_cast<double>(at.batches)});
    exact.add({size, at.probability});
  }
  const std::string measured = "pointsize 0.8 linewidth 1.5 " + look(1);
  const std::string theory = "with lines linewidth 2 " + color(0), axis = marked_sizes(sizes);
  return {.name = "theorem_batches",
          .title = fmt::format("log|det U| is biased on batches, and small batches lack a class ({})", result.noise),
          .columns = 2,
          .rows = 1,
          .panels = fmt::format(
              "{}{}{}plot {} {}, {} {}, {} with yerrorbars {}\n{}{}set yrange [-0.03:1.03]\nplot {} {}, {} with points "
              "{}\n",
              means.text() + predicted.text() + absent.text() + exact.text(),
              panel("log|det U|: mean and standard deviation", "batch size", ""), axis, result.log_abs_det, gray_line(),
              predicted.name(), theory, means.name(), measured,
              panel("Batches without a class: U is singular", "batch size", "share"), axis, exact.name(), theory,
              absent.name(), measured),
          .key = {{"batches", "with points " + measured},
                  {"first-order bias; exact probability", theory},
                  {"the whole set", gray_line()}}};
}

}  // namespace

std::vector<fs::path> draw_theorem(const TheoremResults& results, const fs::path& folder) {
  std::string script;
  std::vector<std::string> names;
  for (const Figure& figure :
       {order_figure(results.order), samples_figure(results.convergence), processing_figure(results.processing),
        gradient_figure(results.gradient), batch_figure(results.batches)}) {
    script += draw(figure);
    for (const char* extension : {".svg", ".png"}) names.push_back(figure.name + extension);
  }
  const std::map<std::string, std::string> drawn = run_gnuplot(script, names, folder);
  std::vector<fs::path> files;
  for (const std::string& name : names) {
    files.push_back(folder / name);
    write_file_atomically(files.back(), drawn.at(name));
  }
  return files;
}

}  // namespace cofactor::theorem
