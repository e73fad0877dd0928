// The figures of derive theorem, by gnuplot.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/io/file.h"
#include "experiments/derive/theorem.h"
#include "experiments/report/gnuplot.h"

namespace cofactor::theorem {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kInk = "#444444", kGray = "#777777";
constexpr int kPoints[] = {7, 9, 5, 13, 11, 15};  // filled: circle, triangle, square, diamond, triangle down, pentagon

// Colour and mark of noise or series number k.
std::string look(size_t k) {
  return fmt::format("pointtype {} linecolor rgb '{}'", kPoints[k % std::size(kPoints)],
                     kOkabeIto[k % kOkabeIto.size()]);
}

// A figure's name, the title over all panels, the number of panels in a row and of rows, and what draws them.
struct Figure {
  std::string name, title;
  int columns, rows;
  std::string panels;
};

// A panel's title and axes. Settings of axes (logscale, ranges) come after it.
std::string panel(std::string_view title, std::string_view x, std::string_view y) {
  return fmt::format(
      "unset logscale\nset xrange [*:*]\nset yrange [*:*]\nset format '%g'\nset title {}\nset xlabel {}\nset ylabel "
      "{}\n",
      gnuplot_string(title), gnuplot_string(x), gnuplot_string(y));
}

constexpr std::string_view kLogX = "set logscale x\nset format x '10^{%T}'\n";
constexpr std::string_view kLogY = "set logscale y\nset format y '10^{%T}'\n";

// Rows of numbers under a name; those that a logarithmic axis cannot show are the caller's to leave out.
class DataBlock {
 public:
  explicit DataBlock(std::string name) : name_("$" + std::move(name)) {}
  void add(std::initializer_list<double> values) {
    for (const double value : values) rows_ += fmt::format("{} ", value);
    rows_ += '\n';
  }
  const std::string& name() const { return name_; }
  // gnuplot refuses to plot an empty block; this one draws nothing.
  std::string text() const { return fmt::format("{} << EOD\n{}EOD\n", name_, rows_.empty() ? "NaN NaN NaN\n" : rows_); }

 private:
  std::string name_, rows_;
};

// The key below all panels: one entry for each series, with its style.
struct KeyEntry {
  std::string title, style;
};

std::string key_of_figure(const std::vector<KeyEntry>& entries) {
  std::string plot;
  for (const KeyEntry& entry : entries)
    plot += fmt::format("{}keyentry {} title {}", plot.empty() ? "" : ", ", entry.style, gnuplot_string(entry.title));
  return fmt::format(
      "set lmargin at screen 0\nset rmargin at screen 1\nset bmargin at screen 0\nset tmargin at screen 0.08\n"
      "unset title\nunset border\nunset tics\nunset xlabel\nunset ylabel\nunset logscale\nset xrange [0:1]\nset yrange "
      "[0:1]\nset key at screen 0.5, screen 0.035 center center horizontal Left reverse samplen 2 maxrows 1\n"
      "plot {}, NaN notitle\n",
      plot);
}

std::string draw(const Figure& figure) {
  const std::string body = fmt::format(
      "reset\nset encoding utf8\nset border 3 linecolor rgb '{0}'\nset tics nomirror out\nunset key\n"
      "set grid linecolor rgb '#dddddd' linewidth 1 dashtype 1\n"
      "set multiplot layout {1},{2} title {3} noenhanced font ',16' margins 0.09,0.98,{4},0.84 spacing 0.1,0.2\n{5}"
      "unset multiplot\nunset output\n",
      kInk, figure.rows, figure.columns, gnuplot_string(figure.title), 0.21, figure.panels);
  return fmt::format(
      "set terminal svg size 960,540 font 'DejaVu Sans,13' background '#ffffff'\nset output '{0}.svg'\n{1}"
      "set terminal pngcairo size 1920,1080 font 'DejaVu Sans,13' fontscale 2 linewidth 2 pointscale 2\n"
      "set output '{0}.png'\n{1}",
      figure.name, body);
}

// ---- 1. clean against noisy

struct MeasurePanel {
  Measure which;
  std::string title, axis;
};

std::string order_panel(const OrderResult& result, const MeasurePanel& measure) {
  std::string script, plots;
  for (size_t n = 0; n < result.noisy.size(); ++n) {
    const OrderResult::UnderNoise& noisy = result.noisy[n];
    DataBlock block(fmt::format("order_{}_{}", static_cast<int>(measure.which), n));
    double largest = 0.0;
    for (size_t i = 0; i < result.clean.size(); ++i) {
      const double x = result.clean[i].values[measure.which], y = noisy.measures[i].values[measure.which];
      if (std::isfinite(x) && std::isfinite(y)) block.add({x, y});
      largest = std::max(largest, x);
    }
    script += block.text();
    if (measure.which == kDmi)
      plots +=
          fmt::format("{}[0:{}] {}*x with lines linewidth 1 dashtype 2 linecolor rgb '{}'", plots.empty() ? "" : ", ",
                      largest, std::exp(noisy.log_abs_det), kOkabeIto[n % kOkabeIto.size()]);
    plots +=
        fmt::format("{}{} using 1:2 with points pointsize 0.5 {}", plots.empty() ? "" : ", ", block.name(), look(n));
  }
  return fmt::format("{}{}plot {}\n", panel(measure.title, measure.axis + ", clean labels", "noisy labels"), script,
                     plots);
}

Figure order_figure(const OrderResult& result) {
  Figure figure{.name = "theorem_order",
                .title = "Noise multiplies DMI by |det T|; other measures change the order of classifiers",
                .columns = 2,
                .rows = 2,
                .panels = {}};
  const auto flips = [&](Measure which) {
    int64_t total = 0;
    for (const OrderResult::UnderNoise& noisy : result.noisy) total += noisy.flips[which];
    return fmt::format("{} of {} pairs reversed", total, result.pairs() * static_cast<int64_t>(result.noisy.size()));
  };
  for (const MeasurePanel& measure :
       {MeasurePanel{kDmi, "DMI: ", "DMI"}, MeasurePanel{kInformation, "Mutual information: ", "nats"},
        MeasurePanel{kCrossEntropy, "Cross entropy: ", "nats"}, MeasurePanel{kAccuracy, "Accuracy: ", "share"}})
    figure.panels += order_panel(result, {measure.which, measure.title + flips(measure.which), measure.axis});
  std::vector<KeyEntry> key;
  for (size_t n = 0; n < result.noisy.size(); ++n)
    key.push_back({fmt::format("{}: |det T| = {:.3g}", result.noisy[n].name, std::exp(result.noisy[n].log_abs_det)),
                   "with points pointsize 1 " + look(n)});
  figure.panels += key_of_figure(key);
  return figure;
}

// ---- 2. finite samples

Figure samples_figure(const ConvergenceResult& result) {
  Figure figure{.name = "theorem_samples",
                .title = fmt::format("Estimates from N samples: mean and standard deviation over {} repetitions",
                                     result.repetitions),
                .columns = 3,
                .rows = 1,
                .panels = {}};
  std::string blocks, dmi = "1 with lines linewidth 1.5 dashtype 2 linecolor rgb '#777777'", constants, deviations;
  std::vector<KeyEntry> key;
  for (size_t n = 0; n < result.noisy.size(); ++n) {
    const ConvergenceResult::UnderNoise& noisy = result.noisy[n];
    const std::string color = fmt::format("linecolor rgb '{}'", kOkabeIto[n % kOkabeIto.size()]);
    DataBlock ratio(fmt::format("ratio{}", n)), constant(fmt::format("constant{}", n)),
        deviation(fmt::format("deviation{}", n)), predicted(fmt::format("predicted{}", n));
    const double apart = std::pow(10.0, 0.08 * static_cast<double>(n));  // so that error bars do not cover each other
    for (const ConvergenceResult::AtSize& at : noisy.sizes) {
      const auto samples = static_cast<double>(at.samples);
      ratio.add({samples * apart, at.dmi.mean / noisy.dmi, at.dmi.deviation / noisy.dmi});
      if (at.constant.count > 0) constant.add({samples * apart, at.constant.mean, at.constant.deviation});
      if (at.constant.deviation > 0.0) deviation.add({samples, at.constant.deviation});
      if (at.predicted > 0.0) predicted.add({samples, at.predicted});
    }
    blocks += ratio.text() + constant.text() + deviation.text() + predicted.text();
    const std::string comma = n == 0 ? "" : ", ";
    dmi += fmt::format(", {} with yerrorbars linewidth 1.5 pointsize 0.6 {}", ratio.name(), look(n));
    constants +=
        fmt::format("{}{} with lines linewidth 1.5 dashtype 2 {}, {} with yerrorbars linewidth 1.5 pointsize 0.6 {}",
                    comma, noisy.constant, color, constant.name(), look(n));
    deviations += fmt::format("{}{} with lines linewidth 1.5 dashtype 2 {}, {} with points pointsize 0.7 {}", comma,
                              predicted.name(), color, deviation.name(), look(n));
    key.push_back({noisy.name, "with points pointsize 1 " + look(n)});
  }
  key.push_back({"exact, or predicted: σ / √N", "with lines linewidth 1.5 dashtype 2 linecolor rgb '#777777'"});
  figure.panels =
      fmt::format("{}{}{}plot {}\n{}{}plot {}\n{}{}{}plot {}\n{}", panel("DMI, estimate / exact", "samples N", ""),
                  kLogX, blocks, dmi, panel("log|det T|, estimate", "samples N", ""), kLogX, constants,
                  panel("its standard deviation", "samples N", ""), kLogX, kLogY, deviations, key_of_figure(key));
  return figure;
}

// ---- 3. processing

Figure processing_figure(const ProcessingResult& result) {
  DataBlock dmi("processed"), ratio("ratio");
  double largest = 0.0;
  for (const ProcessingResult::Processed& one : result.classifiers) {
    const double before = one.before.values[kDmi], after = one.after.values[kDmi];
    dmi.add({before, after});
    if (before > 0.0) ratio.add({one.abs_det, after / before});
    largest = std::max(largest, before);
  }
  const std::string points = "with points pointsize 0.8 " + look(1);
  const std::string line = fmt::format("with lines linewidth 1.5 dashtype 2 linecolor rgb '{}'", kGray);
  return {
      .name = "theorem_processing",
      .title = "Processing the output by a random matrix R never raises DMI",
      .columns = 2,
      .rows = 1,
      .panels = fmt::format("{}{}{}plot [0:{}] x {}, {} using 1:2 {}\n{}plot [0:1] x {}, {} using 1:2 {}\n{}",
                            dmi.text(), ratio.text(), panel("DMI after over DMI before", "DMI(h)", "DMI(h')"), largest,
                            line, dmi.name(), points, panel("The ratio is |det R|", "|det R|", "DMI(h') / DMI(h)"),
                            line, ratio.name(), points, key_of_figure({{"classifiers", points}, {"y = x", line}}))};
}

// ---- 4. the gradient

Figure gradient_figure(const GradientResult& result) {
  DataBlock exact("exact"), bound("bound");
  for (const GradientResult::AtDistance& step : result.steps) {
    exact.add({step.smallest, step.exact.value});
    bound.add({step.smallest, 1.0 / step.smallest});
  }
  const std::string exact_style = "with linespoints linewidth 2 pointsize 0.8 " + look(0);
  const std::string bound_style = fmt::format("with lines linewidth 1.5 dashtype 2 linecolor rgb '{}'", kGray);
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
          .title = "The gradient of L_DMI near a singular U",
          .columns = 1,
          .rows = 1,
          .panels = fmt::format("{}{}{}{}plot {}\n{}", panel("", "smallest singular value s of U", "norm of dL/dU"),
                                kLogX, kLogY, blocks, plots, key_of_figure(key))};
}

// ---- 5. batches

Figure batch_figure(const BatchResult& result) {
  DataBlock means("means"), predicted("predicted"), absent("absent"), exact("exact");
  for (const BatchResult::AtSize& at : result.sizes) {
    const auto size = static_cast<double>(at.size);
    if (at.log_abs_det.count > 0) means.add({size, at.log_abs_det.mean, at.log_abs_det.deviation});
    predicted.add({size, result.log_abs_det + at.predicted});
    absent.add({size, static_cast<double>(at.absent) / static_cast<double>(at.batches)});
    exact.add({size, at.probability});
  }
  const std::string measured = "pointsize 0.9 linewidth 1.5 " + look(1);
  const std::string theory = fmt::format("with lines linewidth 2 linecolor rgb '{}'", kOkabeIto[0]);
  const std::string whole = fmt::format("with lines linewidth 1.5 dashtype 2 linecolor rgb '{}'", kGray);
  const std::string log2 = "set logscale x 2\nset format x '%.0f'\nset xtics 8,8\n";
  return {
      .name = "theorem_batches",
      .title = fmt::format("log|det U| on batches of {} samples ({})", result.samples, result.noise),
      .columns = 2,
      .rows = 1,
      .panels = fmt::format(
          "{}{}{}plot {} {}, {} {}, {} with yerrorbars {}\n{}{}set yrange [-0.03:1.03]\nplot {} {}, {} with points "
          "{}\n{}",
          means.text() + predicted.text() + absent.text() + exact.text(),
          panel("log|det U|: mean and deviation", "batch size", ""), log2, result.log_abs_det, whole, predicted.name(),
          theory, means.name(), measured, panel("Batches without a class (singular U)", "batch size", "share"), log2,
          exact.name(), theory, absent.name(), measured,
          key_of_figure({{"batches", "with points " + measured},
                         {"bias to first order, exact probability", theory},
                         {"the whole set", whole}}))};
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
