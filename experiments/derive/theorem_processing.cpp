#include "experiments/derive/theorem_processing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/log_abs_det.h"
#include "engine/ops/matmul.h"
#include "engine/ops/softmax.h"

namespace cofactor::theorem {

int64_t ProcessingResult::improved(Measure which) const {
  return std::ranges::count_if(classifiers, [&](const Processed& one) {
    const double before = one.before.values[which], after = one.after.values[which];
    if (is_tie(before, after)) return false;
    return which == kCrossEntropy ? after < before : after > before;
  });
}

double ProcessingResult::largest_difference() const {
  double largest = 0.0;
  for (const Processed& one : classifiers)
    raise(largest, std::abs(one.after.values[kDmi] / (one.abs_det * one.before.values[kDmi]) - 1.0));
  return largest;
}

Tensor processed(const Tensor& logits, const Transition& r) {
  return log(matmul(softmax(logits), r.tensor()));
}

ProcessingResult process_classifiers(const World& world, int64_t classifiers, uint64_t seed) {
  ProcessingResult result;
  const Tensor weights = label_weights(world, Transition::identity(world.classes));
  for (int64_t i = 0; i < classifiers; ++i) {
    const Classifier classifier = draw_classifier(world, seed, i, classifiers);
    const auto step = static_cast<uint64_t>(i);
    const double strength = random_uniform(key_of(seed, Stream::order, step), 1);
    const Transition r = random_stochastic(world.classes, strength, key_of(seed, Stream::processing, step));
    result.classifiers.push_back({std::exp(log_abs_det(r.tensor()).item()), measure(classifier.logits, weights),
                                  measure(processed(classifier.logits, r), weights)});
  }
  return result;
}

Section processing_section(const ProcessingResult& result) {
  Section section{
      .title =
          fmt::format("3. Information monotonicity: {} classifiers, each processed by a random stochastic matrix R",
                      result.classifiers.size()),
      .see =
          "Processing the output multiplies DMI by |det R|, so it never rises, nor does mutual information; cross "
          "entropy and accuracy can improve by noise added to the output.",
      .tables = {{{"measure", "improved", "of", "mean before", "mean after"}, {}}},
      .checks = {{"DMI(h') = |det R| DMI(h), relative", 1e-9}, {"classifiers whose DMI rose", 0.0}}};
  section.checks[0].compare(result.largest_difference());
  section.checks[1].compare(static_cast<double>(result.improved(kDmi)));
  for (const Measure which : {kDmi, kInformation, kCrossEntropy, kAccuracy}) {
    std::vector<double> before, after;
    for (const ProcessingResult::Processed& one : result.classifiers) {
      before.push_back(one.before.values[which]);
      after.push_back(one.after.values[which]);
    }
    section.tables[0].rows.push_back({std::string(kMeasureNames[which]), fmt::format("{}", result.improved(which)),
                                      fmt::format("{}", result.classifiers.size()), number(spread_of(before).mean),
                                      number(spread_of(after).mean)});
  }
  return section;
}

void add_numbers(const ProcessingResult& result, NumbersCsv& csv) {
  for (size_t i = 0; i < result.classifiers.size(); ++i) {
    const ProcessingResult::Processed& one = result.classifiers[i];
    const std::string item = fmt::format("{}", i);
    csv.add("processing", "", item, "abs_det_r", one.abs_det);
    for (size_t m = 0; m < kMeasures; ++m) {
      csv.add("processing", "", item, fmt::format("{}_before", kMeasureKeys[m]), one.before.values[m]);
      csv.add("processing", "", item, fmt::format("{}_after", kMeasureKeys[m]), one.after.values[m]);
    }
  }
}

}  // namespace cofactor::theorem
