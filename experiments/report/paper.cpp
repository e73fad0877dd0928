#include "experiments/report/paper.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/error.h"
#include "engine/io/text.h"
#include "experiments/report/texts.h"

namespace cofactor {
namespace {

constexpr std::string_view kColumns = "source,dataset,method,noise_rate,test_accuracy";

std::vector<std::string_view> columns_of(std::string_view line) {
  std::vector<std::string_view> columns;
  for (size_t comma; (comma = line.find(',')) != std::string_view::npos; line.remove_prefix(comma + 1)) {
    columns.push_back(trimmed(line.substr(0, comma)));
  }
  columns.push_back(trimmed(line));
  return columns;
}

double number_in(std::string_view text, int line) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  check(error == std::errc() && end == text.data() + text.size() && std::isfinite(value),
        "the paper's values, line {}: '{}' is not a number", line, text);
  return value;
}

}  // namespace

const std::vector<PaperPanel>& paper_panels() {
  static const std::vector<double> rates = {0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};
  static const std::vector<std::string> two = {"ce", "dmi"}, five = {"ce", "fw", "gce", "lccn", "dmi"};
  static const std::vector<PaperPanel> panels = {
      {"Figure 2", "fashion_mnist", "uniform", "Case 1: uniform noise", two, rates},
      {"Figure 2", "fashion_mnist", "bags-to-clothes", "Case 2: bags labelled as clothes", two, rates},
      {"Figure 2", "fashion_mnist", "clothes-to-bags", "Case 3: clothes labelled as bags", two, rates},
      {"Figure 3", "cifar10", "similar-classes", "CIFAR-10", five, rates},
      {"Figure 3", "dogs_vs_cats", "cat-to-dog", "Dogs vs. Cats", five, rates},
      {"Figure 3", "movie_reviews", "positive-to-negative", "MR (movie reviews)", five, rates},
      {"Table 1", "clothing1m", "none", "Clothing1M", five, {0.0}},
  };
  return panels;
}

const PaperPanel* panel_of(const Result& result) {
  const std::vector<PaperPanel>& panels = paper_panels();
  const auto found = std::ranges::find_if(panels, [&](const PaperPanel& panel) {
    return panel.experiment == result.experiment && panel.noise == result.noise;
  });
  return found == panels.end() ? nullptr : &*found;
}

std::vector<PaperValue> parse_paper_values(std::string_view csv) {
  std::vector<PaperValue> values;
  bool after_head = false;
  for (int number = 1; !csv.empty(); ++number) {
    const std::string_view line = trimmed(take_line(csv));
    if (line.empty() || line.starts_with('#')) continue;
    if (!after_head) {
      check(line == kColumns, "the paper's values, line {}: expected the columns {}", number, kColumns);
      after_head = true;
      continue;
    }
    const std::vector<std::string_view> columns = columns_of(line);
    check(columns.size() == 5, "the paper's values, line {}: {} columns, expected 5", number, columns.size());
    if (columns[4].empty()) continue;
    values.push_back({std::string(columns[1]), std::string(columns[2]),
                      columns[3].empty() ? 0.0 : number_in(columns[3], number), number_in(columns[4], number)});
  }
  return values;
}

const std::vector<PaperValue>& paper_values() {
  static const std::vector<PaperValue> values = parse_paper_values(kPaperValues);
  return values;
}

}  // namespace cofactor
