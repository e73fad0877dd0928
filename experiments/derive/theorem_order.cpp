#include "experiments/derive/theorem_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace cofactor::theorem {
namespace {

constexpr double kRounding = 1e-10;  // of a determinant, relative, before T's inverse amplifies it

std::vector<double> column(const std::vector<Measures>& measures, size_t which) {
  std::vector<double> values;
  values.reserve(measures.size());
  for (const Measures& one : measures) values.push_back(one.values[which]);
  return values;
}

void compare(const std::vector<Measures>& clean, OrderResult::UnderNoise& noisy) {
  const double det = std::exp(noisy.log_abs_det);
  double product = 0.0, square = 0.0;
  noisy.least_shift = std::numeric_limits<double>::infinity();
  noisy.largest_shift = -noisy.least_shift;
  for (size_t i = 0; i < clean.size(); ++i) {
    const double x = clean[i].values[kDmi], y = noisy.measures[i].values[kDmi];
    product += x * y;
    square += x * x;
    const double shift = noisy.measures[i].loss - clean[i].loss;
    noisy.least_shift = std::min(noisy.least_shift, shift);
    noisy.largest_shift = std::max(noisy.largest_shift, shift);
    raise(noisy.largest_difference, std::abs(y / (det * x) - 1.0));
  }
  noisy.slope = product / square;
  for (size_t m = 0; m < kMeasures; ++m) noisy.flips[m] = count_flips(column(clean, m), column(noisy.measures, m));
}

}  // namespace

int64_t OrderResult::pairs() const {
  const auto count = static_cast<int64_t>(clean.size());
  return count * (count - 1) / 2;
}

OrderResult compare_orders(const World& world, const std::vector<NamedNoise>& noises, int64_t classifiers,
                           uint64_t seed) {
  OrderResult result;
  const Tensor clean_weights = label_weights(world, Transition::identity(world.classes));
  std::vector<Tensor> noisy_weights;
  for (const NamedNoise& noise : noises) {
    noisy_weights.push_back(label_weights(world, noise.transition));
    OrderResult::UnderNoise& under = result.noisy.emplace_back();
    under.name = noise.name;
    under.log_abs_det = noise.log_abs_det;
    under.amplification = noise.amplification;
    under.dominant = noise.is_dominant();
  }
  for (int64_t i = 0; i < classifiers; ++i) {
    const Classifier classifier = draw_classifier(world, seed, i, classifiers);
    result.families.push_back(classifier.family);
    result.clean.push_back(measure(classifier.logits, clean_weights));
    for (size_t n = 0; n < noises.size(); ++n)
      result.noisy[n].measures.push_back(measure(classifier.logits, noisy_weights[n]));
  }
  for (OrderResult::UnderNoise& under : result.noisy) compare(result.clean, under);
  return result;
}

int64_t count_flips(const std::vector<double>& a, const std::vector<double>& b) {
  int64_t flips = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t j = i + 1; j < a.size(); ++j) {
      if (is_tie(a[i], a[j]) || is_tie(b[i], b[j])) continue;
      flips += (a[i] < a[j]) != (b[i] < b[j]) ? 1 : 0;
    }
  }
  return flips;
}

Section order_section(const OrderResult& result) {
  double amplification = 1.0;
  for (const OrderResult::UnderNoise& noisy : result.noisy)
    amplification = std::max(amplification, noisy.amplification);
  Section section{
      .title = fmt::format("1. {} classifiers with clean and with noisy labels", result.clean.size()),
      .see =
          "Noise multiplies the DMI of every classifier by |det T|, so that loss(noisy) = loss(clean) - log|det T| and "
          "no two classifiers change places; the second table counts the pairs that other measures reverse.",
      .tables = {{{"noise", "diagonal dominates", "|det T|", "slope of DMI", "-log|det T|", "least loss shift",
                   "largest"},
                  {}}},
      .checks = {
          {"DMI(noisy) = |det T| DMI(clean), relative, over all classifiers and noises", kRounding * amplification},
          {"loss(noisy) = loss(clean) - log|det T|, over all classifiers and noises", kRounding * amplification},
          {"pairs of classifiers whose order by DMI is reversed", 0.0}}};
  NumberTable flips{{fmt::format("reversed, of {} pairs", result.pairs())}, {}};
  for (const std::string_view name : kMeasureNames) flips.head.emplace_back(name);
  for (const OrderResult::UnderNoise& noisy : result.noisy) {
    section.tables[0].rows.push_back({noisy.name, noisy.dominant ? "yes" : "no", number(std::exp(noisy.log_abs_det)),
                                      number(noisy.slope), number(-noisy.log_abs_det), number(noisy.least_shift),
                                      number(noisy.largest_shift)});
    std::vector<std::string>& row = flips.rows.emplace_back();
    row.push_back(noisy.name);
    for (const int64_t count : noisy.flips) row.push_back(fmt::format("{}", count));
    section.checks[0].compare(noisy.largest_difference);
    section.checks[1].compare(std::abs(noisy.least_shift + noisy.log_abs_det));
    section.checks[1].compare(std::abs(noisy.largest_shift + noisy.log_abs_det));
    section.checks[2].compare(static_cast<double>(noisy.flips[kDmi]));
  }
  section.tables.push_back(std::move(flips));
  return section;
}

void add_numbers(const OrderResult& result, NumbersCsv& csv) {
  for (size_t i = 0; i < result.clean.size(); ++i) {
    const std::string item = fmt::format("{} {}", result.families[i], i);
    for (size_t m = 0; m < kMeasures; ++m) csv.add("order", "none", item, kMeasureKeys[m], result.clean[i].values[m]);
    for (const OrderResult::UnderNoise& noisy : result.noisy) {
      for (size_t m = 0; m < kMeasures; ++m)
        csv.add("order", noisy.name, item, kMeasureKeys[m], noisy.measures[i].values[m]);
    }
  }
  for (const OrderResult::UnderNoise& noisy : result.noisy) {
    csv.add("order", noisy.name, "all", "log_abs_det_t", noisy.log_abs_det);
    csv.add("order", noisy.name, "all", "slope", noisy.slope);
    for (size_t m = 0; m < kMeasures; ++m)
      csv.add("order", noisy.name, "all", fmt::format("{}_reversed_pairs", kMeasureKeys[m]),
              static_cast<double>(noisy.flips[m]));
  }
}

}  // namespace cofactor::theorem
