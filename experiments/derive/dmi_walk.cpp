// L_DMI: docs/derivations.md, sections 3 to 5.
#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "engine/ops/log_abs_det.h"
#include "engine/ops/matmul.h"
#include "engine/ops/softmax.h"
#include "experiments/derive/loss_walk.h"
#include "losses/dmi.h"

namespace cofactor {
namespace {

// From here on an inverse is mostly rounding: U counts as singular.
constexpr double kSingular = 1e15;
// From here on the walk says that U is nearly singular.
constexpr double kNearlySingular = 1e3;

// U and what the formulas read of it.
struct Joint {
  Numbers u, cofactors, inverse;
  double determinant = 0.0, condition = 1.0;
  double divisor = 1.0;  // N, or 1 without normalisation
  double epsilon = 0.0;

  double smoothed() const { return std::abs(determinant) + epsilon; }
  // dL/dU.
  Numbers gradient() const {
    Numbers result = u;
    for (int64_t r = 0; r < u.rows(); ++r) {
      for (int64_t c = 0; c < u.columns(); ++c) {
        const double sign = determinant > 0.0 ? 1.0 : determinant < 0.0 ? -1.0 : 0.0;
        result.at(r, c) = epsilon == 0.0 ? -inverse.at(c, r) : -sign * cofactors.at(r, c) / smoothed();
      }
    }
    return result;
  }
};

Numbers one_hot_numbers(const LossPoint& point) {
  Numbers l({point.samples(), point.classes()});
  for (int64_t i = 0; i < point.samples(); ++i) l.at(i, point.example.label(i)) = 1.0;
  return l;
}

Joint joint_of(const LossPoint& point) {
  Joint joint;
  joint.divisor = point.flag("normalize") ? static_cast<double>(point.samples()) : 1.0;
  joint.epsilon = point.number("epsilon");
  joint.u = Numbers({point.classes(), point.classes()});
  for (int64_t i = 0; i < point.samples(); ++i)
    for (int64_t c = 0; c < point.classes(); ++c)
      joint.u.at(c, point.example.label(i)) += point.p.at(i, c) / joint.divisor;
  joint.cofactors = cofactors_of(joint.u);
  joint.inverse = inverse_of(joint.u);
  joint.determinant = determinant_of(joint.u);
  joint.condition = condition_of(joint.u);
  return joint;
}

// Why U is singular, as a clause.
std::string why_singular(const LossPoint& point) {
  for (int64_t c = 0; c < point.classes(); ++c) {
    if (std::ranges::find(point.example.labels, c) == point.example.labels.end())
      return fmt::format("no sample has the label {}, so column {} of U is 0 whatever the outputs", c, c);
  }
  return "its columns, the mean outputs of the samples with each label, are linearly dependent, so the outputs do not "
         "distinguish the labels";
}

void check_regular(const LossPoint& point, const Joint& joint) {
  if (joint.epsilon > 0.0 || joint.condition < kSingular) return;
  fail(
      "dmi: U is singular: {}. The loss is infinite and has no gradient there; --epsilon 0.001 smooths it, and other "
      "samples may make U regular",
      why_singular(point));
}

// How far something may move until det U is 0, which it changes with these slopes: |.| has its corner there.
std::function<double(int64_t i)> distance_to_singular(const Joint& joint, Numbers slopes) {
  return [determinant = std::abs(joint.determinant), slopes = std::move(slopes)](int64_t i) {
    const double slope = std::abs(slopes[i]);
    return slope == 0.0 ? std::numeric_limits<double>::infinity() : determinant / slope;
  };
}

// From the derivatives of a function of U with respect to its entries: those with respect to the outputs (N, C), and to
// the logits.
Numbers by_outputs(const LossPoint& point, const Joint& joint, const Numbers& by_u) {
  Numbers by_o(point.p.shape);
  for (int64_t i = 0; i < point.samples(); ++i)
    for (int64_t c = 0; c < point.classes(); ++c) by_o.at(i, c) = by_u.at(c, point.example.label(i)) / joint.divisor;
  return by_o;
}

Numbers by_logits(const LossPoint& point, const Numbers& by_o) {
  Numbers by_z(point.p.shape);
  for (int64_t i = 0; i < point.samples(); ++i) {
    double mean = 0.0;
    for (int64_t c = 0; c < point.classes(); ++c) mean += point.p.at(i, c) * by_o.at(i, c);
    for (int64_t c = 0; c < point.classes(); ++c) by_z.at(i, c) = point.p.at(i, c) * (by_o.at(i, c) - mean);
  }
  return by_z;
}

void remark_on_condition(const LossPoint& point, const Joint& joint, Walk& walk) {
  if (joint.determinant == 0.0 || joint.condition >= kSingular) {
    walk.remark(fmt::format(
        "U is singular: {}. The loss is -log epsilon there and |.| has a corner: the engine takes the "
        "slope 0{}; there is no difference for what changes det U.",
        why_singular(point),
        joint.determinant == 0.0 ? "" : " where det U is exactly 0, and here the sign of its rounding error"));
  } else if (joint.condition >= kNearlySingular) {
    walk.remark(
        fmt::format("U is nearly singular: its condition number is {:.1e}, by which its inverse enlarges rounding "
                    "errors. The columns may differ by that much more.",
                    joint.condition));
  }
}

// The loss from the outputs (N, C).
LossFunction from_outputs(const LossPoint& point, const Joint& joint) {
  const Tensor l = one_hot(point.batch.labels, point.classes(), DType::f64);
  return [l, divisor = joint.divisor, epsilon = joint.epsilon](const Tensor& o) {
    return dmi_from_joint(matmul(transpose(o), l) / divisor, epsilon);
  };
}

void walk_values(const LossPoint& point, const Joint& joint, Walk& walk) {
  const Tensor u = joint_matrix(point.logits, point.batch.labels, point.flag("normalize"));
  walk.value("Outputs, one row per sample (the paper's O has them in columns)", {"O", "O"},
             {"O_ic = exp(z_ic) / sum_k exp(z_ik)", "O_{ic} = \\frac{e^{z_{ic}}}{\\sum_k e^{z_{ik}}}"}, point.p,
             softmax(point.logits));
  walk.value("Labels, one-hot", {"L", "\\mathbf L"}, {"L_ic = 1[c = y_i]", "\\mathbf L_{ic} = 1[c = y_i]"},
             one_hot_numbers(point), one_hot(point.batch.labels, point.classes(), DType::f64));
  const bool divided = point.flag("normalize");
  walk.value(
      "Joint distribution of outputs (rows) and labels (columns)", {"U", "U"},
      divided ? Formula{"U = O^T L / N", "U = \\frac1N O^T \\mathbf L"} : Formula{"U = O^T L", "U = O^T \\mathbf L"},
      joint.u, u);
  walk.value("Determinant", {"|det U|", "|\\det U|"},
             {"|det U|, by elimination; the engine's is exp(log|det U|)", "|\\det U|"},
             Numbers::scalar(std::abs(joint.determinant)), exp(log_abs_det(u)), joint.condition);
  if (joint.determinant < 0.0) walk.remark("The determinant itself is negative.");
  remark_on_condition(point, joint, walk);
  walk.value("Loss", {"loss", "L"},
             joint.epsilon == 0.0 ? Formula{"loss = -log |det U|", "L = -\\log |\\det U|"}
                                  : Formula{"loss = -log (|det U| + epsilon)", "L = -\\log (|\\det U| + \\varepsilon)"},
             Numbers::scalar(-std::log(joint.smoothed())), (*point.loss)(point.logits, point.batch), joint.condition);
}

void walk_gradients(const LossPoint& point, const Joint& joint, Walk& walk) {
  const Numbers by_u = joint.gradient();
  const double steepest = std::max(largest(by_u.values), 1e-300);
  walk.gradient("Gradient with respect to U", {"dL/dU", "\\partial L / \\partial U"},
                joint.epsilon == 0.0 ? Formula{"dL/dU = -U^-T", "\\frac{\\partial L}{\\partial U} = -U^{-T}"}
                                     : Formula{"dL/dU = -sign(det U) cof(U) / (|det U| + epsilon)",
                                               "\\frac{\\partial L}{\\partial U} = -\\frac{\\mathrm{sign}(\\det U) \\, "
                                               "\\mathrm{cof}(U)}{|\\det U| + "
                                               "\\varepsilon}"},
                by_u, [&](const Tensor& u) { return dmi_from_joint(u, joint.epsilon); },
                joint_matrix(point.logits, point.batch.labels, point.flag("normalize")),
                {.step = std::min(0.05, 0.2 / steepest),
                 .smooth_within = distance_to_singular(joint, joint.cofactors),
                 .condition = joint.condition});

  const Numbers by_o = by_outputs(point, joint, by_u), by_z = by_logits(point, by_o);
  const Numbers slopes = by_outputs(point, joint, joint.cofactors);
  const bool divided = point.flag("normalize");
  walk.gradient(
      "Gradient with respect to the outputs", {"g = dL/dO", "g = \\partial L / \\partial O"},
      divided ? Formula{"g_ic = (dL/dU)_{c, y_i} / N",
                        "g_{ic} = \\frac1N \\Big(\\frac{\\partial L}{\\partial U}\\Big)_{c, y_i}"}
              : Formula{"g_ic = (dL/dU)_{c, y_i}", "g_{ic} = \\Big(\\frac{\\partial L}{\\partial U}\\Big)_{c, y_i}"},
      by_o, from_outputs(point, joint), softmax(point.logits),
      {.step = std::min(0.05, 0.2 * joint.divisor / steepest),
       .smooth_within = distance_to_singular(joint, slopes),
       .condition = joint.condition});
  walk.gradient("Gradient with respect to the logits", {"dL/dz", "\\partial L / \\partial z"},
                {"dL/dz_ic = O_ic (g_ic - sum_k O_ik g_ik)",
                 "\\frac{\\partial L}{\\partial z_{ic}} = O_{ic} \\Big(g_{ic} - \\sum_k O_{ik} g_{ik}\\Big)"},
                by_z, [&](const Tensor& logits) { return (*point.loss)(logits, point.batch); }, point.logits,
                {.scale = largest(by_o.values),
                 .step = std::min(0.05, 0.4 * joint.divisor / steepest),
                 .smooth_within = distance_to_singular(joint, by_logits(point, slopes)),
                 .condition = joint.condition});
}

}  // namespace

void walk_dmi(const LossPoint& point, Walk& walk) {
  const Joint joint = joint_of(point);
  check_regular(point, joint);
  walk_values(point, joint, walk);
  walk_gradients(point, joint, walk);
}

}  // namespace cofactor
