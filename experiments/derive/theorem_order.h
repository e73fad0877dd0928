// Part 1 of `derive theorem`: many classifiers, each measured with clean and with noisy labels. DMI keeps their order;
// other measures do not.
#pragma once

#include "experiments/derive/theorem_noises.h"
#include "experiments/derive/theorem_section.h"
#include "experiments/derive/theorem_world.h"

namespace cofactor::theorem {

struct OrderResult {
  struct UnderNoise {
    std::string name;
    double log_abs_det = 0.0, amplification = 0.0;  // of NamedNoise
    bool dominant = true;
    std::vector<Measures> measures;                 // of each classifier, with noisy labels
    double slope = 0.0;                             // of noisy DMI over clean DMI: least squares through 0
    double least_shift = 0.0, largest_shift = 0.0;  // of the loss, noisy less clean
    double largest_difference = 0.0;                // of noisy DMI from |det T| times clean DMI, relative
    std::array<int64_t, kMeasures> flips{};         // pairs of classifiers whose order is reversed
  };
  std::vector<std::string_view> families;  // of each classifier
  std::vector<Measures> clean;
  std::vector<UnderNoise> noisy;

  int64_t pairs() const;
};

OrderResult compare_orders(const World& world, const std::vector<NamedNoise>& noises, int64_t classifiers,
                           uint64_t seed);

// How many pairs i < j have a and b in opposite orders; ties (is_tie) in either do not count.
int64_t count_flips(const std::vector<double>& a, const std::vector<double>& b);

Section order_section(const OrderResult& result);
void add_numbers(const OrderResult& result, NumbersCsv& csv);

}  // namespace cofactor::theorem
