#include "experiments/labels/label_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/files/file_account.h"
#include "engine/io/utf8.h"
#include "experiments/labels/label_summary.h"
#include "experiments/report/html.h"

namespace cofactor {

namespace {

constexpr size_t kClassesOnPage = 30, kPairsOnPage = 30;

// U+200E, U+200F, U+061C, U+202A to U+202E, U+2066 to U+2069, and the line and paragraph separators.
bool misleads(std::string_view character) {
  if (character == "\xD8\x9C") return true;
  if (character.size() != 3 || character[0] != '\xE2') return false;
  const auto second = static_cast<uint8_t>(character[1]), third = static_cast<uint8_t>(character[2]);
  return (second == 0x80 && ((third >= 0x8E && third <= 0x8F) || (third >= 0xA8 && third <= 0xAE))) ||
         (second == 0x81 && third >= 0xA6 && third <= 0xA9);
}

std::string class_text(const JudgedLabels& labels, int64_t label) {
  return page_text(labels.classes[static_cast<size_t>(label)]);
}

std::string bar_cell(double share, double count) {
  return fmt::format(
      "<td class=\"bar\"><span style=\"width:{:.1f}%\"></span><b>{:.1f}%</b> <small>about {}</small></td>",
      100.0 * share, 100.0 * share, in_thousands(std::llround(count)));
}

std::string column_heads(const JudgedLabels& labels) {
  std::string heads;
  for (size_t c = 0; c < labels.classes.size(); ++c)
    heads += fmt::format("<th scope=\"col\"><span>{}</span></th>", class_text(labels, static_cast<int64_t>(c)));
  return heads;
}

// `at` gives a value, `highest` shades a cell fully, `text` shows a value.
template <class At, class Text>
std::string heat_map(const JudgedLabels& labels, std::string_view caption, std::string_view corner, const At& at,
                     const Text& text) {
  const auto classes = static_cast<int64_t>(labels.classes.size());
  double highest = 0.0;
  for (int64_t row = 0; row < classes; ++row)
    for (int64_t column = 0; column < classes; ++column)
      if (row != column) highest = std::max(highest, at(row, column));
  std::string table = fmt::format(
      "<figure><figcaption>{}</figcaption><div class=\"scroll\" tabindex=\"0\"><table class=\"heat\">"
      "<thead><tr><th scope=\"col\">{}</th>{}</tr></thead><tbody>",
      page_text(caption), page_text(corner), column_heads(labels));
  for (int64_t row = 0; row < classes; ++row) {
    table += fmt::format("<tr><th scope=\"row\">{}</th>", class_text(labels, row));
    for (int64_t column = 0; column < classes; ++column) {
      const double value = at(row, column);
      // The square root keeps small entries visible. The diagonal would outshine the rest.
      const double share = highest > 0.0 ? std::sqrt(std::clamp(value / highest, 0.0, 1.0)) : 0.0;
      table += row == column ? fmt::format("<td class=\"right\">{}</td>", text(value))
                             : fmt::format("<td style=\"--share:{:.3f}\">{}</td>", share, text(value));
    }
    table += "</tr>\n";
  }
  return table + "</tbody></table></div></figure>\n";
}

std::string pairs_table(const JudgedLabels& labels, const Verdict& verdict) {
  std::string rows;
  for (const ConfusedPair& pair : confused_pairs(labels, verdict, kPairsOnPage)) {
    rows += fmt::format(
        "<tr><td class=\"text\"><bdi>{}</bdi></td><td class=\"text\"><bdi>{}</bdi></td><td>{}</td>"
        "<td>{:.1f}%</td></tr>\n",
        class_text(labels, pair.given), class_text(labels, pair.true_class), in_thousands(std::llround(pair.count)),
        100.0 * verdict.errors.transition.at(pair.true_class, pair.given));
  }
  if (rows.empty()) return "<p>No two classes are confused.</p>\n";
  return fmt::format(
      "<figure><figcaption>The most confused pairs of the {} classes</figcaption><div class=\"scroll\" "
      "tabindex=\"0\"><table><thead><tr><th scope=\"col\" class=\"text\">given label</th><th scope=\"col\" "
      "class=\"text\">true class</th><th scope=\"col\">labels, about</th><th scope=\"col\">of the true class</th></tr>"
      "</thead><tbody>\n{}</tbody></table></div></figure>\n",
      in_thousands(std::ssize(labels.classes)), rows);
}

// ---- curves

struct Curve {
  std::string label;
  std::string_view style;  // a class of the page
  std::vector<double> values;
};

constexpr double kDrawnWidth = 420, kDrawnHeight = 220, kBegin = 52, kEnd = 408, kUpper = 12, kLower = 190;

std::pair<double, double> range_of(const std::vector<Curve>& curves) {
  double low = INFINITY, high = -INFINITY;
  for (const Curve& curve : curves) {
    for (const double value : curve.values) {
      if (!std::isfinite(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  if (low > high) return {0.0, 1.0};
  const double margin = high > low ? 0.05 * (high - low) : std::max(0.5, 0.05 * std::abs(high));
  return {low - margin, high + margin};
}

// The path of a curve; it is broken where a value is not finite. A single epoch is a dot, by its round caps.
std::string path_of(const Curve& curve, double low, double high) {
  std::string path;
  bool joined = false;
  const double last = std::max<double>(1.0, static_cast<double>(curve.values.size()) - 1.0);
  for (size_t i = 0; i < curve.values.size(); ++i) {
    const double value = curve.values[i];
    if (!std::isfinite(value)) {
      joined = false;
      continue;
    }
    const double x = kBegin + (kEnd - kBegin) * static_cast<double>(i) / last;
    const double y = kLower - (kLower - kUpper) * (value - low) / (high - low);
    path += fmt::format("{}{:.1f} {:.1f}", joined ? "L" : "M", x, y);
    if (!joined) path += "h0";
    joined = true;
  }
  return path;
}

std::string curves_figure(std::string_view title, const std::vector<Curve>& curves) {
  const auto [low, high] = range_of(curves);
  std::string drawing = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">", kDrawnWidth,
                                    kDrawnHeight, page_text(title));
  for (int tick = 0; tick <= 4; ++tick) {
    const double y = kLower - (kLower - kUpper) * tick / 4.0;
    drawing += fmt::format(
        "<line class=\"grid\" x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/><text x=\"{3}\" y=\"{4:.1f}\" "
        "text-anchor=\"end\">{5:.3g}</text>",
        kBegin, kEnd, y, kBegin - 6, y + 4, low + (high - low) * tick / 4.0);
  }
  const size_t epochs = curves.front().values.size();
  drawing += fmt::format("<text x=\"{}\" y=\"{}\">1</text>", kBegin, kDrawnHeight - 12);
  drawing +=
      fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">epoch {}</text>", kEnd, kDrawnHeight - 12, epochs);
  std::string legend;
  for (const Curve& curve : curves) {
    drawing += fmt::format("<path class=\"{}\" d=\"{}\"/>", curve.style, path_of(curve, low, high));
    legend += fmt::format(
        "<li><svg viewBox=\"0 0 28 8\" aria-hidden=\"true\"><path class=\"{}\" d=\"M2 4H26\"/></svg> "
        "{}</li>",
        curve.style, page_text(curve.label));
  }
  return fmt::format("<figure><figcaption>{}</figcaption>{}</svg><ul class=\"legend\">{}</ul></figure>\n",
                     page_text(title), drawing, legend);
}

}  // namespace

std::string page_text(std::string_view text) {
  std::string shown;
  for (size_t at = 0, length = 0; at < text.size(); at += length) {
    length = std::max<size_t>(1, utf8_length(text, at));
    const std::string_view character = text.substr(at, length);
    shown += misleads(character) ? unmistakable(character) : std::string(character);
  }
  return html(shown);
}

std::string noise_bars(const JudgedLabels& labels, const Verdict& verdict) {
  const std::vector<ClassNoise> classes = noise_by_class(labels, verdict);
  const size_t shown = std::min(classes.size(), kClassesOnPage);
  std::string rows;
  for (size_t i = 0; i < shown; ++i) {
    const ClassNoise& noise = classes[i];
    rows += fmt::format("<tr><th scope=\"row\" class=\"text\"><bdi>{}</bdi></th><td>{}</td>{}{}</tr>\n",
                        class_text(labels, noise.label), in_thousands(noise.given),
                        bar_cell(noise.wrong_share(), noise.wrong), bar_cell(noise.missed_share(), noise.missed));
  }
  const std::string others =
      shown < classes.size()
          ? fmt::format("<p class=\"soft\">The {} classes with the highest share of wrong labels, of {}.</p>\n", shown,
                        in_thousands(std::ssize(classes)))
          : "";
  return "<div class=\"scroll\" tabindex=\"0\"><table class=\"bars\"><thead><tr><th scope=\"col\" "
         "class=\"text\">class</th><th scope=\"col\">labels</th><th scope=\"col\" class=\"text\">of these labels, "
         "wrong</th><th scope=\"col\" class=\"text\">of this class, labelled otherwise</th></tr></thead><tbody>\n" +
         rows + "</tbody></table></div>\n" + others;
}

std::string noise_matrices(const JudgedLabels& labels, const Verdict& verdict) {
  if (labels.classes.size() > kClassesOnPage) return pairs_table(labels, verdict);
  const auto count = static_cast<double>(labels.labelled());
  const LabelJoint& joint = verdict.joint();
  const Transition& transition = verdict.errors.transition;
  return "<div class=\"panels wide\">" +
         heat_map(
             labels, "Labels by given label (rows) and true class (columns)", "given \\ true",
             [&](int64_t given, int64_t true_class) { return count * joint.at(given, true_class); },
             [](double value) { return in_thousands(std::llround(value)); }) +
         heat_map(
             labels, "Of each true class (rows), the given labels (columns), in percent", "true \\ given",
             [&](int64_t true_class, int64_t given) { return transition.at(true_class, given); },
             [](double value) { return fmt::format("{:.1f}", 100.0 * value); }) +
         "</div>\n";
}

std::string estimates_table(const JudgedLabels& labels, const Verdict& verdict) {
  int64_t differing = 0;
  for (size_t i = 0; i < labels.given.size(); ++i)
    differing += labels.given[i] != kMissingLabel && labels.given[i] != verdict.predicted[i] ? 1 : 0;
  const WrongLabels& wrong = verdict.errors.wrong;
  const auto whole = [](double value) { return in_thousands(std::llround(value)); };
  const auto row = [](std::string_view estimate, const std::string& number, std::string_view note) {
    return fmt::format("<tr><th scope=\"row\" class=\"text\">{}</th><td>{}</td><td class=\"text\">{}</td></tr>\n",
                       estimate, number, note);
  };
  return "<div class=\"scroll\" tabindex=\"0\"><table class=\"notes\"><thead><tr><th scope=\"col\" "
         "class=\"text\">estimate</th><th scope=\"col\">wrong labels</th><th scope=\"col\" class=\"text\">what it "
         "assumes</th></tr></thead><tbody>\n" +
         row("Posterior, used here", whole(wrong.count),
             fmt::format("Calibrated probabilities, and noise that depends on the true class alone. 95% interval: {} "
                         "to {}.",
                         whole(wrong.low), whole(wrong.high))) +
         row("Confident learning", whole(verdict.confident_learning),
             "A probability above its class's mean names the true class.") +
         row("DMI's joint matrix", whole(verdict.dmi),
             "A perfect classifier: the network's own errors count as wrong labels.") +
         row("Prediction differs", in_thousands(differing), "Likewise.") + "</tbody></table></div>\n";
}

std::string training_curves(const std::vector<EpochMetrics>& history) {
  if (history.empty()) return {};
  Curve accuracy{"validation, labels as given", "first", {}}, training{"training", "first", {}},
      validation{"validation", "second", {}};
  std::string rows;
  for (const EpochMetrics& epoch : history) {
    accuracy.values.push_back(epoch.valid_accuracy);
    training.values.push_back(epoch.train_loss);
    validation.values.push_back(epoch.valid_loss);
    rows += fmt::format("<tr><td>{}</td><td>{:.2f}%</td><td>{:.4g}</td><td>{:.4g}</td></tr>\n", epoch.epoch + 1,
                        epoch.valid_accuracy, epoch.train_loss, epoch.valid_loss);
  }
  return "<div class=\"panels\">" + curves_figure("Accuracy by epoch, in percent", {accuracy}) +
         curves_figure("Loss by epoch", {training, validation}) +
         "</div>\n<details><summary>Numbers</summary><div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th "
         "scope=\"col\">epoch</th><th scope=\"col\">validation accuracy</th><th scope=\"col\">training loss</th><th "
         "scope=\"col\">validation loss</th></tr></thead><tbody>\n" +
         rows + "</tbody></table></div></details>\n";
}

}  // namespace cofactor
