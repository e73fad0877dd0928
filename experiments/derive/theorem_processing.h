// Part 3 of `derive theorem`: information monotonicity. A classifier whose output is processed by a random stochastic
// matrix R has DMI(h') = |det R| DMI(h), never more.
#pragma once

#include "experiments/derive/theorem_section.h"
#include "experiments/derive/theorem_world.h"

namespace cofactor::theorem {

struct ProcessingResult {
  struct Processed {
    double abs_det;  // |det R|
    Measures before, after;
  };
  std::vector<Processed> classifiers;

  // In how many classifiers the measure improved (cross entropy: fell), ties not counted.
  int64_t improved(Measure which) const;
  // The largest relative difference of DMI(h') from |det R| DMI(h).
  double largest_difference() const;
};

// Clean labels. The matrices lie between the identity and a random stochastic matrix.
ProcessingResult process_classifiers(const World& world, int64_t classifiers, uint64_t seed);

// Logits of the classifier that says c' with probability R(c, c') where the given one says c: log(softmax(logits) R).
Tensor processed(const Tensor& logits, const Transition& r);

Section processing_section(const ProcessingResult& result);
void add_numbers(const ProcessingResult& result, NumbersCsv& csv);

}  // namespace cofactor::theorem
