// Part 2 of `derive theorem`: finite samples. DMI and the constant log|det T|, estimated from N samples, converge to
// the exact values like 1/sqrt(N).
#pragma once

#include <optional>

#include "experiments/derive/theorem_noises.h"
#include "experiments/derive/theorem_section.h"
#include "experiments/derive/theorem_world.h"

namespace cofactor::theorem {

struct ConvergenceResult {
  // Estimates from the first `samples` samples of each repetition. Where U is singular (a label does not occur), the
  // constant has no estimate, and the repetition counts as singular.
  struct AtSize {
    int64_t samples = 0, singular = 0;
    Spread dmi;              // of |det U| with noisy labels, over all repetitions
    Spread constant;         // of log|det U(noisy)| - log|det U(clean)|
    double predicted = 0.0;  // of the constant's standard deviation, to first order: sigma / sqrt(N)
  };
  struct UnderNoise {
    std::string name;
    double dmi = 0.0, constant = 0.0;  // exact
    std::vector<AtSize> sizes;
    std::optional<double> slope;  // of log deviation over log N, where the first order holds; none for one such size
    double slope_error = 0.0;     // its standard error
  };
  int64_t repetitions = 0;
  std::vector<UnderNoise> noisy;
};

// sizes: rising, from 1 up. repetitions: at least 2.
ConvergenceResult estimate_constants(const World& world, const std::vector<NamedNoise>& noises,
                                     const std::vector<int64_t>& sizes, int64_t repetitions, uint64_t seed);

// The standard deviation of one sample's part in log|det U(noisy)| - log|det U(clean)|, to first order
// (docs/derivations.md, section 7): of sum_c o_c (Q~^-T_c,y~ - Q^-T_c,y). 0 where it is 0 up to rounding: where the
// noise does nothing but exchange labels, the constant is 0 in every sample.
double first_order_deviation(const World& world, const Tensor& logits, const Transition& noise);

Section convergence_section(const ConvergenceResult& result);
void add_numbers(const ConvergenceResult& result, NumbersCsv& csv);

}  // namespace cofactor::theorem
