// Part 4 of `derive theorem`: the gradient of L_DMI near a singular U. The exact one, -U^-T, grows without bound; that
// of the smoothed loss, -log(|det U| + epsilon), does not.
#pragma once

#include "experiments/derive/theorem_section.h"
#include "experiments/derive/theorem_world.h"

namespace cofactor::theorem {

struct GradientResult {
  // A norm is Frobenius'; `formula` is the same from the singular values s of U.
  struct Norm {
    double value, formula;
  };
  struct AtDistance {
    double distance;             // of with_merged_classes: at 0 U is singular
    double smallest;             // singular value of U
    double log_abs_det;          // log|det U|
    Norm exact;                  // dL/dU = -U^-T; formula sqrt(sum_k 1 / s_k^2)
    std::vector<Norm> smoothed;  // for each epsilon; formula sqrt(sum_k (prod_j!=k s_j)^2) / (prod_j s_j + epsilon)
    double logits;               // norm of the exact gradient with respect to the logits of the K kinds
  };
  std::vector<double> epsilons;
  std::vector<AtDistance> steps;  // from far to near

  double largest_difference() const;  // of a norm from its formula, relative
};

// Distances 1, 10^-0.5, ... 10^-8; clean labels. epsilons: positive.
GradientResult approach_singular(const World& world, const std::vector<double>& epsilons, uint64_t seed);

// The singular values of a square matrix (n, n) in f64, falling, to high relative accuracy: one-sided Jacobi rotations
// (Golub & Van Loan, Matrix Computations, 4th ed., 8.6.3).
std::vector<double> singular_values(const Tensor& u);

Section gradient_section(const GradientResult& result);
void add_numbers(const GradientResult& result, NumbersCsv& csv);

}  // namespace cofactor::theorem
