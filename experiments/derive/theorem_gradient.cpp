#include "experiments/derive/theorem_gradient.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "engine/autograd.h"
#include "losses/dmi.h"

namespace cofactor::theorem {
namespace {

constexpr double kFarMargin = 3.0;
constexpr int kHalfDecades = 16;
constexpr double kTolerance = 1e-6;  // an inverse loses as many digits as U's condition number has

// Euclid's norm. Entries may be as small as 1e-200, whose squares are 0 in a double.
double norm_of(const std::vector<double>& values) {
  double largest = 0.0, squares = 0.0;
  for (const double value : values) raise(largest, std::abs(value));
  if (largest == 0.0) return 0.0;
  for (const double value : values) squares += (value / largest) * (value / largest);
  return largest * std::sqrt(squares);
}

double norm_of_gradient(const Tensor& u, double epsilon) {
  Tensor leaf = u.clone();
  leaf.set_requires_grad(true);
  backward(dmi_from_joint(leaf, epsilon));
  return norm_of(leaf.grad().to_vector<double>());
}

double exact_formula(const std::vector<double>& s) {
  std::vector<double> inverse;
  inverse.reserve(s.size());
  for (const double value : s) inverse.push_back(1.0 / value);
  return norm_of(inverse);
}

double smoothed_formula(const std::vector<double>& s, double epsilon) {
  std::vector<double> cofactors;
  double det = 1.0;
  for (size_t k = 0; k < s.size(); ++k) {
    double others = 1.0;
    for (size_t j = 0; j < s.size(); ++j)
      if (j != k) others *= s[j];
    cofactors.push_back(others);
    det *= s[k];
  }
  return norm_of(cofactors) / (det + epsilon);
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
  return sum;
}

// Turns two vectors in their plane so that they become orthogonal; false where they are already.
bool orthogonalise(std::vector<double>& a, std::vector<double>& b) {
  const double aa = dot(a, a), bb = dot(b, b), ab = dot(a, b);
  if (std::abs(ab) <= 1e-15 * std::sqrt(aa * bb)) return false;
  const double zeta = (bb - aa) / (2.0 * ab);
  const double tangent = std::copysign(1.0, zeta) / (std::abs(zeta) + std::hypot(1.0, zeta));
  const double cosine = 1.0 / std::hypot(1.0, tangent), sine = cosine * tangent;
  for (size_t k = 0; k < a.size(); ++k) {
    const double left = a[k], right = b[k];
    a[k] = cosine * left - sine * right;
    b[k] = sine * left + cosine * right;
  }
  return true;
}

}  // namespace

std::vector<double> singular_values(const Tensor& u) {
  constexpr int kSweeps = 60;  // about six are enough
  const auto n = static_cast<size_t>(u.dim(0));
  const std::vector<double> values = u.to_vector<double>();
  std::vector<std::vector<double>> rows;
  for (size_t r = 0; r < n; ++r)
    rows.emplace_back(values.begin() + static_cast<std::ptrdiff_t>(r * n),
                      values.begin() + static_cast<std::ptrdiff_t>((r + 1) * n));
  bool turned = true;
  for (int sweep = 0; sweep < kSweeps && turned; ++sweep) {
    turned = false;
    for (size_t p = 0; p < n; ++p)
      for (size_t q = p + 1; q < n; ++q) turned = orthogonalise(rows[p], rows[q]) || turned;
  }
  std::vector<double> s;
  s.reserve(n);
  for (const std::vector<double>& row : rows) s.push_back(std::sqrt(dot(row, row)));
  std::ranges::sort(s, std::greater());
  return s;
}

double GradientResult::largest_difference() const {
  double largest = 0.0;
  for (const AtDistance& step : steps) {
    raise(largest, std::abs(step.exact.value / step.exact.formula - 1.0));
    for (const Norm& norm : step.smoothed) raise(largest, std::abs(norm.value / norm.formula - 1.0));
  }
  return largest;
}

GradientResult approach_singular(const World& world, const std::vector<double>& epsilons, uint64_t seed) {
  GradientResult result{.epsilons = epsilons, .steps = {}};
  const Tensor weights = label_weights(world, Transition::identity(world.classes));
  const Tensor far = informative_logits(world, kFarMargin, seed, 1u << 21);
  for (int k = 0; k <= kHalfDecades; ++k) {
    const double distance = std::pow(10.0, -0.5 * k);
    Tensor logits = with_merged_classes(world, far, distance).clone();
    const Tensor u = joint(logits, weights);
    const std::vector<double> s = singular_values(u);
    logits.set_requires_grad(true);
    const Tensor loss = dmi_from_joint(joint(logits, weights));
    const double value = loss.item();
    backward(loss);
    GradientResult::AtDistance& step = result.steps.emplace_back();
    step = {.distance = distance,
            .smallest = s.back(),
            .log_abs_det = -value,
            .exact = {norm_of_gradient(u, 0.0), exact_formula(s)},
            .smoothed = {},
            .logits = norm_of(logits.grad().to_vector<double>())};
    for (const double epsilon : epsilons)
      step.smoothed.push_back({norm_of_gradient(u, epsilon), smoothed_formula(s, epsilon)});
  }
  return result;
}

Section gradient_section(const GradientResult& result) {
  Section section{
      .title = "4. The gradient near a singular U: the outputs for two classes become alike",
      .see =
          "The exact gradient -U^-T grows like 1 / s, without bound, as the smallest singular value s of U falls; "
          "the smoothed one stays bounded and, where |det U| is below epsilon, is smaller than the exact one by the "
          "factor |det U| / (|det U| + epsilon).",
      .tables = {{{"smallest singular value s", "|det U|", "norm of -U^-T", "from singular values", "1 / s",
                   "norm at the logits"},
                  {}}},
      .checks = {{"norms by autograd against those by the singular values, relative", kTolerance}}};
  section.checks[0].compare(result.largest_difference());
  NumberTable& table = section.tables[0];
  for (const double epsilon : result.epsilons) table.head.push_back(fmt::format("norm, epsilon {:g}", epsilon));
  for (const GradientResult::AtDistance& step : result.steps) {
    std::vector<std::string>& row = table.rows.emplace_back();
    for (const double value : {step.smallest, std::exp(step.log_abs_det), step.exact.value, step.exact.formula,
                               1.0 / step.smallest, step.logits})
      row.push_back(number(value));
    for (const GradientResult::Norm& norm : step.smoothed) row.push_back(number(norm.value));
  }
  return section;
}

void add_numbers(const GradientResult& result, NumbersCsv& csv) {
  for (const GradientResult::AtDistance& step : result.steps) {
    const std::string item = fmt::format("{:g}", step.distance);
    csv.add("gradient", "", item, "smallest_singular_value", step.smallest);
    csv.add("gradient", "", item, "log_abs_det", step.log_abs_det);
    csv.add("gradient", "", item, "exact_norm", step.exact.value);
    csv.add("gradient", "", item, "logits_norm", step.logits);
    for (size_t e = 0; e < result.epsilons.size(); ++e)
      csv.add("gradient", "", item, fmt::format("norm_epsilon_{:g}", result.epsilons[e]), step.smoothed[e].value);
  }
}

}  // namespace cofactor::theorem
