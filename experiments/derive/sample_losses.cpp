// Cross entropy and the losses made of it: docs/derivations.md, section 2, and docs/derivations_baselines.md, sections
// 1 to 4.
#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "experiments/derive/loss_walk.h"

namespace cofactor {
namespace {

constexpr double kSmooth = std::numeric_limits<double>::infinity();

// A loss f(log p_y) of the label's probability alone, from l and -f' as functions of the sample.
SampleLoss of_label(const LossPoint& point, std::function<double(int64_t i)> value_of,
                    const std::function<double(int64_t i)>& weight) {
  SampleLoss loss;
  loss.value_of = std::move(value_of);
  loss.by_log_p_of = [&point, weight](int64_t i, int64_t c) { return c == point.example.label(i) ? -weight(i) : 0.0; };
  loss.by_logits_of = [&point, weight](int64_t i, int64_t c) {
    return weight(i) * (point.p.at(i, c) - (c == point.example.label(i) ? 1.0 : 0.0));
  };
  return loss;
}

double log_p_of_label(const LossPoint& point, int64_t i) {
  return point.log_p.at(i, point.example.label(i));
}

double p_of_label(const LossPoint& point, int64_t i) {
  return std::exp(log_p_of_label(point, i));
}

// How far logit (i, c) may move until p_y = k.
double distance_to_probability(const LossPoint& point, int64_t i, int64_t c, double k) {
  const Numbers& z = point.example.logits;
  const int64_t label = point.example.label(i);
  // In units of exp(z_c), so that nothing overflows.
  double others = 0.0;
  for (int64_t j = 0; j < z.columns(); ++j)
    if (j != c) others += std::exp(z.at(i, j) - z.at(i, c));
  if (c == label) return std::abs(std::log(k / (1.0 - k) * others));
  const double label_part = std::exp(z.at(i, label) - z.at(i, c));
  const double needed = label_part / k - others;  // exp of the way to go
  return needed > 0.0 ? std::abs(std::log(needed)) : kSmooth;
}

int64_t first_largest(const Numbers& z, int64_t i) {
  int64_t best = 0;
  for (int64_t c = 1; c < z.columns(); ++c)
    if (z.at(i, c) > z.at(i, best)) best = c;
  return best;
}

// How far entry (i, c) may move until another one of its row is the largest.
double distance_to_tie(const Numbers& z, int64_t i, int64_t c) {
  double others = -kSmooth;
  for (int64_t j = 0; j < z.columns(); ++j)
    if (j != c) others = std::max(others, z.at(i, j));
  return std::abs(z.at(i, c) - others);
}

}  // namespace

SampleLoss cross_entropy_formulas(const LossPoint& point, Walk&) {
  SampleLoss loss = of_label(
      point, [&point](int64_t i) { return -log_p_of_label(point, i); }, [](int64_t) { return 1.0; });
  loss.value = {"-log p_y", "-\\log p_y"};
  loss.by_log_p = {"-1[c = y]", "-1[c = y]"};
  loss.by_logits = {"p_c - 1[c = y]", "p_c - 1[c = y]"};
  loss.from_log_p = [labels = point.batch.labels](const Tensor& log_p) { return -gather(log_p, labels); };
  return loss;
}

SampleLoss gce_formulas(const LossPoint& point, Walk&) {
  const double q = point.number("q"), k = point.number("truncation");
  const auto left_out = [&point, k](int64_t i) { return k > 0.0 && p_of_label(point, i) <= k; };
  const auto power = [&point, q](int64_t i) { return std::exp(q * log_p_of_label(point, i)); };
  SampleLoss loss = of_label(
      point, [=](int64_t i) { return (1.0 - (left_out(i) ? std::pow(k, q) : power(i))) / q; },
      [=](int64_t i) { return left_out(i) ? 0.0 : power(i); });
  loss.value = {"(1 - p_y^q) / q", "(1 - p_y^q) / q"};
  loss.by_log_p = {"-p_y^q 1[c = y]", "-p_y^q \\, 1[c = y]"};
  loss.by_logits = {"p_y^q (p_c - 1[c = y])", "p_y^q \\, (p_c - 1[c = y])"};
  loss.from_log_p = [=, labels = point.batch.labels](const Tensor& log_p) {
    const Tensor p_to_q = exp(q * gather(log_p, labels));
    const double floor = k > 0.0 ? std::pow(k, q) : 0.0;
    return (1.0 - (relu(p_to_q - floor) + floor)) / q;
  };
  if (k == 0.0) return loss;
  loss.value = {"(1 - max(p_y, k)^q) / q", "(1 - \\max(p_y, k)^q) / q"};
  loss.by_log_p = {"-p_y^q 1[c = y], and 0 where p_y <= k", "-p_y^q \\, 1[c = y], \\quad 0 \\text{ where } p_y \\le k"};
  loss.by_logits = {"p_y^q (p_c - 1[c = y]), and 0 where p_y <= k",
                    "p_y^q \\, (p_c - 1[c = y]), \\quad 0 \\text{ where } p_y \\le k"};
  loss.logits_smooth_within = [&point, k](int64_t at) {
    return distance_to_probability(point, at / point.classes(), at % point.classes(), k);
  };
  loss.log_p_smooth_within = [&point, k](int64_t at) {
    const int64_t i = at / point.classes();
    return at % point.classes() == point.example.label(i) ? std::abs(log_p_of_label(point, i) - std::log(k)) : kSmooth;
  };
  return loss;
}

SampleLoss mae_formulas(const LossPoint& point, Walk&) {
  SampleLoss loss = of_label(
      point, [&point](int64_t i) { return 2.0 * (1.0 - p_of_label(point, i)); },
      [&point](int64_t i) { return 2.0 * p_of_label(point, i); });
  loss.value = {"sum_c |1[c = y] - p_c| = 2 (1 - p_y)", "\\sum_c |1[c = y] - p_c| = 2 (1 - p_y)"};
  loss.by_log_p = {"-2 p_y 1[c = y]", "-2 p_y \\, 1[c = y]"};
  loss.by_logits = {"2 p_y (p_c - 1[c = y])", "2 p_y \\, (p_c - 1[c = y])"};
  loss.from_log_p = [labels = point.batch.labels](const Tensor& log_p) {
    return 2.0 * (1.0 - exp(gather(log_p, labels)));
  };
  loss.scale = 2.0;
  return loss;
}

SampleLoss sce_formulas(const LossPoint& point, Walk&) {
  const double alpha = point.number("alpha"), log_zero = point.number("log_zero"), beta = point.number("beta");
  const double reverse = -beta * log_zero;
  SampleLoss loss = of_label(
      point,
      [=, &point](int64_t i) { return -alpha * log_p_of_label(point, i) + reverse * (1.0 - p_of_label(point, i)); },
      [=, &point](int64_t i) { return alpha + reverse * p_of_label(point, i); });
  loss.value = {"-alpha log p_y - beta A (1 - p_y)", "-\\alpha \\log p_y - \\beta A (1 - p_y)"};
  loss.by_log_p = {"-(alpha - beta A p_y) 1[c = y]", "-(\\alpha - \\beta A p_y) \\, 1[c = y]"};
  loss.by_logits = {"(alpha - beta A p_y) (p_c - 1[c = y])", "(\\alpha - \\beta A p_y) (p_c - 1[c = y])"};
  loss.from_log_p = [=, labels = point.batch.labels](const Tensor& log_p) {
    const Tensor of_labels = gather(log_p, labels);
    return -alpha * of_labels + reverse * (1.0 - exp(of_labels));
  };
  loss.scale = alpha + reverse;
  return loss;
}

SampleLoss soft_bootstrap_formulas(const LossPoint& point, Walk& walk) {
  const double beta = point.number("beta");
  Numbers entropy(Shape{point.samples()});
  for (int64_t i = 0; i < point.samples(); ++i)
    for (int64_t c = 0; c < point.classes(); ++c) entropy[i] -= point.p.at(i, c) * point.log_p.at(i, c);
  const Tensor log_p = log_softmax(point.logits);
  walk.value("Entropy of each sample's outputs", {"H", "H"}, {"H = -sum_c p_c log p_c", "H = -\\sum_c p_c \\log p_c"},
             entropy, -sum(exp(log_p) * log_p, {1}));

  SampleLoss loss;
  loss.value = {"-beta log p_y + (1 - beta) H", "-\\beta \\log p_y + (1 - \\beta) H"};
  loss.by_log_p = {"-beta 1[c = y] - (1 - beta) p_c (log p_c + 1)",
                   "-\\beta \\, 1[c = y] - (1 - \\beta) \\, p_c (\\log p_c + 1)"};
  loss.by_logits = {"beta (p_c - 1[c = y]) - (1 - beta) p_c (log p_c + H)",
                    "\\beta (p_c - 1[c = y]) - (1 - \\beta) \\, p_c (\\log p_c + H)"};
  loss.value_of = [=, &point](int64_t i) { return -beta * log_p_of_label(point, i) + (1.0 - beta) * entropy[i]; };
  const auto label = [&point](int64_t i, int64_t c) { return c == point.example.label(i) ? 1.0 : 0.0; };
  loss.by_log_p_of = [=, &point](int64_t i, int64_t c) {
    return -beta * label(i, c) - (1.0 - beta) * point.p.at(i, c) * (point.log_p.at(i, c) + 1.0);
  };
  loss.by_logits_of = [=, &point](int64_t i, int64_t c) {
    const double p = point.p.at(i, c);
    return beta * (p - label(i, c)) - (1.0 - beta) * p * (point.log_p.at(i, c) + entropy[i]);
  };
  loss.from_log_p = [beta, labels = point.batch.labels](const Tensor& by_row) {
    return -beta * gather(by_row, labels) - (1.0 - beta) * sum(exp(by_row) * by_row, {1});
  };
  return loss;
}

SampleLoss hard_bootstrap_formulas(const LossPoint& point, Walk& walk) {
  const double beta = point.number("beta");
  std::vector<int32_t> predicted;
  for (int64_t i = 0; i < point.samples(); ++i)
    predicted.push_back(static_cast<int32_t>(first_largest(point.example.logits, i)));
  const Tensor most_probable = argmax(point.logits);
  walk.value("Prediction: the class with the largest output", {"k", "k"},
             {"k = argmax_c p_c, the first of equal ones", "k = \\mathrm{argmax}_c \\, p_c"}, label_numbers(predicted),
             most_probable);

  SampleLoss loss;
  loss.value = {"-beta log p_y - (1 - beta) log p_k", "-\\beta \\log p_y - (1 - \\beta) \\log p_k"};
  loss.by_log_p = {"-beta 1[c = y] - (1 - beta) 1[c = k]", "-\\beta \\, 1[c = y] - (1 - \\beta) \\, 1[c = k]"};
  loss.by_logits = {"p_c - beta 1[c = y] - (1 - beta) 1[c = k]",
                    "p_c - \\beta \\, 1[c = y] - (1 - \\beta) \\, 1[c = k]"};
  const auto target = [=, &point](int64_t i, int64_t c) {
    return (c == point.example.label(i) ? beta : 0.0) + (c == predicted[static_cast<size_t>(i)] ? 1.0 - beta : 0.0);
  };
  loss.value_of = [=, &point](int64_t i) {
    return -beta * log_p_of_label(point, i) - (1.0 - beta) * point.log_p.at(i, predicted[static_cast<size_t>(i)]);
  };
  loss.by_log_p_of = [=](int64_t i, int64_t c) { return -target(i, c); };
  loss.by_logits_of = [=, &point](int64_t i, int64_t c) { return point.p.at(i, c) - target(i, c); };
  loss.from_log_p = [=, labels = point.batch.labels](const Tensor& log_p) {
    return -beta * gather(log_p, labels) - (1.0 - beta) * gather(log_p, most_probable);
  };
  if (beta == 1.0) return loss;
  // The loss jumps in its slope where two logits tie.
  loss.logits_smooth_within = [&point](int64_t at) {
    return distance_to_tie(point.example.logits, at / point.classes(), at % point.classes());
  };
  return loss;
}

}  // namespace cofactor
