#include "experiments/derive/differences.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace cofactor {

double central_difference(const std::function<double(double)>& f, double step) {
  constexpr size_t kSteps = 10;
  constexpr double kShrink = 1.4;
  std::array<std::array<double, kSteps>, kSteps> tableau{};  // of row i the step is step / kShrink^i
  double best = 0.0, least = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < kSteps; ++i, step /= kShrink) {
    tableau[i][0] = (f(step) - f(-step)) / (2.0 * step);
    double factor = 1.0;
    for (size_t k = 1; k <= i; ++k) {
      factor *= kShrink * kShrink;
      tableau[i][k] = (factor * tableau[i][k - 1] - tableau[i - 1][k - 1]) / (factor - 1.0);
      const double change =
          std::max(std::abs(tableau[i][k] - tableau[i][k - 1]), std::abs(tableau[i][k] - tableau[i - 1][k - 1]));
      if (change >= least) continue;
      least = change;
      best = tableau[i][k];
    }
    // From here on rounding grows.
    if (i > 0 && std::abs(tableau[i][i] - tableau[i - 1][i - 1]) >= 2.0 * least) break;
  }
  return best;
}

}  // namespace cofactor
