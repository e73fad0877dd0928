// The losses with a transition matrix: docs/derivations_baselines.md, sections 5 to 8.
#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/autograd.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/embedding.h"
#include "engine/ops/layout.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "experiments/derive/loss_walk.h"
#include "losses/cross_entropy.h"
#include "losses/forward_correction.h"

namespace cofactor {
namespace {

const Formula kPosterior = {"w_c = p_c T_cy / sum_k p_k T_ky", "w_c = \\frac{p_c T_{cy}}{\\sum_k p_k T_{ky}}"};

// The tensor of that name in a loss's state; undefined where it has none.
Tensor state_of(const Loss& loss, std::string_view name) {
  for (const NamedTensor& named : loss.state())
    if (named.name == name) return named.tensor;
  return {};
}

// T by the formula and as the loss has it, both (C, C).
struct TransitionPair {
  Numbers formula;
  Tensor engine;
};

// T; a step of the walk, unless the labels were drawn through it.
TransitionPair walk_transition(const LossPoint& point, Walk& walk) {
  if (const Tensor estimated = state_of(*point.loss, "transition"); estimated.defined()) {
    Numbers t({point.classes(), point.classes()});
    for (int64_t c = 0; c < point.classes(); ++c) {
      int64_t surest = 0;
      for (int64_t i = 1; i < point.samples(); ++i)
        if (point.p.at(i, c) > point.p.at(surest, c)) surest = i;
      for (int64_t y = 0; y < point.classes(); ++y) t.at(c, y) = point.p.at(surest, y);
    }
    walk.value("Transition matrix, estimated: row c is the output of the sample with the largest p_c", {"T", "T"},
               {"T_cy = p_iy for i = argmax_j p_jc", "T_{cy} = p_{iy} \\text{ for } i = \\mathrm{argmax}_j \\, p_{jc}"},
               t, estimated);
    return {t, estimated};
  }
  const auto& given = std::get<Transition>(point.options.at("transition"));
  if (!point.example.noise || *point.example.noise != given)
    walk.given("Transition matrix: row c has the probabilities of the labels of class c", {"T", "T"},
               Numbers::of(given.tensor()));
  return {Numbers::of(given.tensor()), given.tensor()};
}

bool is_given_by_no_class(const Numbers& t, int64_t label) {
  for (int64_t c = 0; c < t.rows(); ++c)
    if (t.at(c, label) > 0.0) return false;
  return true;
}

// T with the smallest normal number in the column of a label that no class gives (losses/forward_correction.h).
Numbers without_empty_columns(Numbers t) {
  for (int64_t y = 0; y < t.columns(); ++y) {
    const bool empty = is_given_by_no_class(t, y);
    for (int64_t c = 0; c < t.rows(); ++c)
      if (empty) t.at(c, y) = std::numeric_limits<double>::min();
  }
  return t;
}

Numbers log_of_transition(const Numbers& t) {
  Numbers log_t = without_empty_columns(t);
  for (double& value : log_t.values) value = std::log(value);
  return log_t;
}

// log sum_c p_c T(c, y), and w.
struct Posterior {
  Numbers log_sum, w;
};

Posterior posterior_of(const LossPoint& point, const Numbers& log_t) {
  Posterior result{Numbers(Shape{point.samples()}), point.p};
  for (int64_t i = 0; i < point.samples(); ++i) {
    const int64_t label = point.example.label(i);
    double most = -std::numeric_limits<double>::infinity(), sum = 0.0;
    for (int64_t c = 0; c < point.classes(); ++c) most = std::max(most, point.log_p.at(i, c) + log_t.at(c, label));
    for (int64_t c = 0; c < point.classes(); ++c) sum += std::exp(point.log_p.at(i, c) + log_t.at(c, label) - most);
    result.log_sum[i] = most + std::log(sum);
    for (int64_t c = 0; c < point.classes(); ++c)
      result.w.at(i, c) = std::exp(point.log_p.at(i, c) + log_t.at(c, label) - result.log_sum[i]);
  }
  return result;
}

// Row i: log T(c, y_i) for all c, by the engine.
Tensor log_rows(const LossPoint& point, const Tensor& t) {
  return log(embedding(transpose(without_empty_columns(Numbers::of(t)).tensor()), point.batch.labels));
}

Posterior walk_posterior(const LossPoint& point, const TransitionPair& t, Walk& walk) {
  Posterior posterior = posterior_of(point, log_of_transition(t.formula));
  walk.value("Posterior of the true class, given the output and the label (Bayes)", {"w", "w"}, kPosterior, posterior.w,
             softmax(log_softmax(point.logits) + log_rows(point, t.engine)));
  return posterior;
}

// (n + alpha), each row divided by its sum.
Numbers normalised_rows(Numbers n, double alpha) {
  for (int64_t c = 0; c < n.rows(); ++c) {
    double total = 0.0;
    for (int64_t y = 0; y < n.columns(); ++y) total += n.at(c, y) + alpha;
    for (int64_t y = 0; y < n.columns(); ++y) n.at(c, y) = (n.at(c, y) + alpha) / total;
  }
  return n;
}

// T from the network that fine-tuning starts from.
Numbers soft_transition(const LossPoint& point, double alpha) {
  Numbers t({point.classes(), point.classes()});
  for (int64_t i = 0; i < point.samples(); ++i)
    for (int64_t c = 0; c < point.classes(); ++c) t.at(c, point.example.label(i)) += point.p.at(i, c);
  return normalised_rows(std::move(t), alpha);
}

// A loss like the point's that has made its first training step.
std::unique_ptr<Loss> stepped(const LossPoint& point) {
  std::unique_ptr<Loss> loss = make_loss(point.method, point.options);
  loss->prepare(point.logits, point.batch);
  loss->set_random(point.example.seed, 0);
  (*loss)(point.logits, point.batch);
  loss->step_done(point.batch);
  return loss;
}

// The random number in [0, 1) that decides the draw of sample i in the first step (engine/ops/multinomial.h).
Numbers draws_of(const LossPoint& point) {
  Numbers u(Shape{point.samples()});
  for (int64_t i = 0; i < point.samples(); ++i)
    u[i] = unit_float(random_word({.seed = point.example.seed, .purpose = Purpose::latent}, static_cast<uint64_t>(i)));
  return u;
}

// The first class at which the sum of w exceeds u.
std::vector<int32_t> latent_of(const LossPoint& point, const Numbers& w, const Numbers& u) {
  std::vector<int32_t> latent;
  for (int64_t i = 0; i < point.samples(); ++i) {
    double sum = 0.0;
    int32_t drawn = 0;
    for (int64_t c = 0; c < point.classes(); ++c) {
      sum += w.at(i, c);
      drawn = static_cast<int32_t>(c);
      if (sum > u[i]) break;
    }
    latent.push_back(drawn);
  }
  return latent;
}

std::vector<int32_t> drawn_at(const LossPoint& point) {
  const Numbers t = soft_transition(point, point.number("alpha"));
  return latent_of(point, posterior_of(point, log_of_transition(t)).w, draws_of(point));
}

}  // namespace

SampleLoss forward_correction_formulas(const LossPoint& point, Walk& walk) {
  const TransitionPair t = walk_transition(point, walk);
  const Posterior posterior = walk_posterior(point, t, walk);
  SampleLoss loss;
  loss.value = {"-log sum_c p_c T_cy", "-\\log \\sum_c p_c T_{cy}"};
  loss.by_log_p = {"-w_c", "-w_c"};
  loss.by_logits = {"p_c - w_c", "p_c - w_c"};
  loss.value_of = [posterior](int64_t i) { return -posterior.log_sum[i]; };
  loss.by_log_p_of = [posterior](int64_t i, int64_t c) { return -posterior.w.at(i, c); };
  loss.by_logits_of = [posterior, &point](int64_t i, int64_t c) { return point.p.at(i, c) - posterior.w.at(i, c); };
  loss.from_log_p = [rows = log_rows(point, t.engine)](const Tensor& log_p) {
    const Tensor joint = log_p + rows;
    const Tensor most = [&] {
      const NoGrad no_grad;
      return max(joint, {1}, true);
    }();
    return -sum(log(sum(exp(joint - most), {1}, true)) + most, {1});
  };
  for (int64_t y = 0; y < point.classes(); ++y) {
    const bool occurs = std::ranges::find(point.example.labels, y) != point.example.labels.end();
    if (!occurs || !is_given_by_no_class(t.formula, y)) continue;
    loss.remarks.push_back(fmt::format(
        "By T no class has the label {}: its samples count 708.4, minus the log of the smallest normal f64, "
        "and have no gradient.",
        y));
  }
  return loss;
}

SampleLoss backward_correction_formulas(const LossPoint& point, Walk& walk) {
  const TransitionPair t = walk_transition(point, walk);
  const Numbers inverse = inverse_of(t.formula);
  const double condition = condition_of(t.formula);
  // The loss has checked that the inverse amplifies by 1e6 at most.
  const Transition transition = Transition::from_tensor("bw", t.engine);
  const Tensor by_engine =
      Numbers(inverse.shape, transition.inverse("bw", std::numeric_limits<double>::max())).tensor();
  walk.value("Inverse of the transition matrix", {"V", "V"}, {"V = T^-1", "V = T^{-1}"}, inverse, by_engine, condition);
  SampleLoss loss;
  loss.value = {"-sum_j V_yj log p_j", "-\\sum_j V_{yj} \\log p_j"};
  loss.by_log_p = {"-V_yc", "-V_{yc}"};
  loss.by_logits = {"p_c - V_yc", "p_c - V_{yc}"};
  loss.value_of = [&point, inverse](int64_t i) {
    double value = 0.0;
    for (int64_t c = 0; c < point.classes(); ++c) value -= inverse.at(point.example.label(i), c) * point.log_p.at(i, c);
    return value;
  };
  loss.by_log_p_of = [&point, inverse](int64_t i, int64_t c) { return -inverse.at(point.example.label(i), c); };
  loss.by_logits_of = [&point, inverse](int64_t i, int64_t c) {
    return point.p.at(i, c) - inverse.at(point.example.label(i), c);
  };
  loss.from_log_p = [rows = embedding(by_engine, point.batch.labels)](const Tensor& log_p) {
    return -sum(rows * log_p, {1});
  };
  loss.scale = largest(inverse.values);
  loss.condition = condition;
  return loss;
}

SampleLoss lccn_formulas(const LossPoint& point, Walk& walk) {
  const Numbers t = soft_transition(point, point.number("alpha"));
  walk.value(
      "Transition matrix at the start, from soft counts", {"T", "T"},
      {"T_cy = (n_cy + alpha) / sum_k (n_ck + alpha) with n_cy = sum of p_ic over the samples with label y",
       "T_{cy} = \\frac{n_{cy} + \\alpha}{\\sum_k (n_{ck} + \\alpha)}, \\quad n_{cy} = \\sum_{i : y_i = y} p_{ic}"},
      t, state_of(*point.loss, "transition"));
  const Posterior posterior = walk_posterior(point, {t, state_of(*point.loss, "transition")}, walk);
  const Numbers u = draws_of(point);
  walk.given("Random numbers of this step, uniform in [0, 1)", {"u", "u"}, u);
  const std::vector<int32_t> latent = latent_of(point, posterior.w, u);
  const Tensor by_engine = state_of(*stepped(point), "latent_labels");
  walk.value("Latent labels, drawn with the probabilities w", {"h", "h"},
             {"h = the first c with w_0 + ... + w_c > u", "h = \\min \\{ c : w_0 + \\dots + w_c > u \\}"},
             label_numbers(latent), by_engine);

  SampleLoss loss;
  loss.value = {"-log p_h", "-\\log p_h"};
  loss.by_log_p = {"-1[c = h]", "-1[c = h]"};
  loss.by_logits = {"p_c - 1[c = h]", "p_c - 1[c = h]"};
  const auto drawn = [latent](int64_t i) { return latent[static_cast<size_t>(i)]; };
  loss.value_of = [=, &point](int64_t i) { return -point.log_p.at(i, drawn(i)); };
  loss.by_log_p_of = [=](int64_t i, int64_t c) { return c == drawn(i) ? -1.0 : 0.0; };
  loss.by_logits_of = [=, &point](int64_t i, int64_t c) { return point.p.at(i, c) - (c == drawn(i) ? 1.0 : 0.0); };
  loss.from_log_p = [by_engine](const Tensor& log_p) { return -gather(log_p, by_engine); };
  loss.for_differences = [by_engine](const Tensor& logits) { return cross_entropy(logits, by_engine); };
  loss.remarks = {
      "The differences hold the drawn labels fixed: a draw jumps from one class to the next and has no "
      "derivative."};
  return loss;
}

void walk_lccn_end(const LossPoint& point, Walk& walk) {
  const double alpha = point.number("alpha"), count = static_cast<double>(point.samples());
  const Numbers t = soft_transition(point, alpha);
  const Posterior posterior = posterior_of(point, log_of_transition(t));
  Numbers mean = point.p;
  for (size_t k = 0; k < mean.values.size(); ++k) mean.values[k] = (mean.values[k] - posterior.w.values[k]) / count;
  const Transition by_engine = Transition::from_tensor("lccn", state_of(*point.loss, "transition"));
  walk.gradient("Mean gradient over the draws: that of forward correction",
                {"E dL/dz", "\\mathrm E \\, \\partial L / \\partial z"},
                {"E dL/dz_ic = (p_ic - w_ic) / N",
                 "\\mathrm E \\, \\frac{\\partial L}{\\partial z_{ic}} = \\frac{p_{ic} - w_{ic}}{N}"},
                mean, [&](const Tensor& logits) { return forward_correction(logits, point.batch.labels, by_engine); },
                point.logits, {.scale = 1.0 / count});

  // The loss counts its steps from the end of the warm-up.
  const int64_t counted = 1 - point.whole("warmup_steps");
  if (counted < 0 || counted % point.whole("update_every") != 0) return;
  Numbers counts({point.classes(), point.classes()});
  const std::vector<int32_t> latent = drawn_at(point);
  for (int64_t i = 0; i < point.samples(); ++i)
    counts.at(latent[static_cast<size_t>(i)], point.example.label(i)) += 1.0;
  walk.value(
      "Transition matrix after the step, from counts of the latent labels", {"T'", "T'"},
      {"T'_cy = (m_cy + alpha) / sum_k (m_ck + alpha) with m_cy samples of latent label c and label y",
       "T'_{cy} = \\frac{m_{cy} + \\alpha}{\\sum_k (m_{ck} + \\alpha)}, \\quad m_{cy} = |\\{ i : h_i = c, y_i = y "
       "\\}|"},
      normalised_rows(counts, alpha), state_of(*stepped(point), "transition"));
}

}  // namespace cofactor
