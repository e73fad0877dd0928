// The walks of the losses.
#include <fmt/ranges.h>

#include <cmath>

#include "engine/autograd.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "experiments/derive/derivation.h"
#include "experiments/derive/loss_walk.h"
#include "experiments/sweep/loss_flags.h"

namespace cofactor {
namespace {

using MakeFormulas = SampleLoss (*)(const LossPoint& point, Walk& walk);

struct KnownLoss {
  std::string_view method, title;
  MakeFormulas formulas;  // null for L_DMI, which is no mean over samples
};

constexpr KnownLoss kKnownLosses[] = {
    {"dmi", "L_DMI, the determinant based mutual information loss", nullptr},
    {"ce", "Cross entropy", cross_entropy_formulas},
    {"gce", "Generalised cross entropy", gce_formulas},
    {"fw", "Forward correction", forward_correction_formulas},
    {"bw", "Backward correction", backward_correction_formulas},
    {"lccn", "LCCN, latent class-conditional noise", lccn_formulas},
    {"mae", "Mean absolute error", mae_formulas},
    {"sce", "Symmetric cross entropy", sce_formulas},
    {"bootstrap-soft", "Bootstrapping with soft targets", soft_bootstrap_formulas},
    {"bootstrap-hard", "Bootstrapping with hard targets", hard_bootstrap_formulas},
};

const LossOption* find_option(std::string_view method, std::string_view name) {
  for (const LossOption& option : loss_options(method))
    if (option.name == name) return &option;
  return nullptr;
}

OptionValue option_of(const LossPoint& point, std::string_view name) {
  const LossOption* found = find_option(point.method, name);
  check(found, "derive: {} has no option {}", point.method, name);
  return value_of(point.method, *found, point.options);
}

void walk_losses(const LossPoint& point, const SampleLoss& loss, Walk& walk) {
  Numbers losses(Shape{point.samples()});
  for (int64_t i = 0; i < point.samples(); ++i) losses[i] = loss.value_of(i);
  walk.value("Loss of each sample", {"l", "l"}, {"l = " + loss.value.text, "l = " + loss.value.latex}, losses,
             loss.from_log_p(log_softmax(point.logits)), loss.condition);
  walk.value("Loss: the mean over the samples", {"loss", "L"}, {"loss = 1/N sum_i l_i", "L = \\frac1N \\sum_i l_i"},
             Numbers::scalar(mean_of(losses)), (*point.loss)(point.logits, point.batch), loss.condition);
}

void walk_gradients_of(const LossPoint& point, const SampleLoss& loss, Walk& walk) {
  const auto count = static_cast<double>(point.samples());
  Numbers by_log_p(point.p.shape), by_logits(point.p.shape);
  for (int64_t i = 0; i < point.samples(); ++i) {
    for (int64_t c = 0; c < point.classes(); ++c) {
      by_log_p.at(i, c) = loss.by_log_p_of(i, c) / count;
      by_logits.at(i, c) = loss.by_logits_of(i, c) / count;
    }
  }
  walk.gradient("Gradient with respect to log p", {"dL/dlog p", "\\partial L / \\partial \\log p"},
                {fmt::format("N dL/dlog p_c = {}", loss.by_log_p.text),
                 fmt::format("N \\frac{{\\partial L}}{{\\partial \\log p_c}} = {}", loss.by_log_p.latex)},
                by_log_p, [&](const Tensor& log_p) { return mean(loss.from_log_p(log_p)); }, log_softmax(point.logits),
                {.scale = loss.scale / count, .smooth_within = loss.log_p_smooth_within, .condition = loss.condition});
  walk.gradient("Gradient with respect to the logits", {"dL/dz", "\\partial L / \\partial z"},
                {fmt::format("N dL/dz_c = {}", loss.by_logits.text),
                 fmt::format("N \\frac{{\\partial L}}{{\\partial z_c}} = {}", loss.by_logits.latex)},
                by_logits, [&](const Tensor& logits) { return (*point.loss)(logits, point.batch); }, point.logits,
                {.scale = loss.scale / count,
                 .smooth_within = loss.logits_smooth_within,
                 .condition = loss.condition,
                 .for_differences = loss.for_differences});
  for (const std::string& remark : loss.remarks) walk.remark(remark);
}

class LossDerivation : public Derivation {
 public:
  explicit LossDerivation(const KnownLoss& loss) : loss_(loss) {
    // So that the walk's one step changes the transition matrix.
    if (loss.method == "lccn") options_["lccn"] = {{"warmup_steps", int64_t{0}}, {"update_every", int64_t{1}}};
  }

  void add_flags(Flags& flags) override {
    // Without noise a correction has nothing to correct.
    const double rate = find_option(loss_.method, "transition") ? 0.3 : 0.0;
    example_.emplace(flags, rate);
    if (!loss_options(loss_.method).empty())
      loss_flags_.emplace(flags, options_, std::vector<std::string>{std::string(loss_.method)});
  }

  Walk walk() override {
    const LossPoint point = make_point();
    Walk walk(
        fmt::format("{} ({}): {} samples, {} classes", loss_.title, loss_.method, point.samples(), point.classes()));
    add_notes(point, walk);
    walk_example(walk, point.example);
    if (loss_.formulas)
      walk_sample_loss(point, walk);
    else
      walk_dmi(point, walk);
    draw_tape(point, walk);
    return walk;
  }

 private:
  LossPoint make_point() {
    LossPoint point;
    point.method = loss_.method;
    point.example = example_->make();
    if (loss_flags_) loss_flags_->resolve({point.method}, {}, point.classes());
    point.options = options_of(options_, point.method);
    const bool needs_matrix = find_option(point.method, "transition") && !point.options.contains("transition");
    if (needs_matrix && point.example.noise) point.options["transition"] = *point.example.noise;
    point.logits = point.example.logits.tensor();
    point.batch = point.example.batch();
    point.log_p = log_softmax_rows(point.example.logits);
    point.p = exp_of(point.log_p);
    point.loss = make_loss(point.method, point.options);
    prepare(point);
    return point;
  }

  static void prepare(LossPoint& point) {
    try {
      point.loss->prepare(point.logits, point.batch);
    } catch (const Error& error) {
      if (!find_option(point.method, "transition")) throw;
      fail("{}; --transition or --noise gives the matrix", error.what());
    }
    point.loss->set_random(point.example.seed, 0);
  }

  void add_notes(const LossPoint& point, Walk& walk) const {
    walk.note(point.example.source);
    std::vector<std::string> settings;
    for (const LossOption& option : loss_options(loss_.method)) {
      if (option.flag == kLogicalBatchFlag) continue;  // of training
      const OptionValue value = value_of(loss_.method, option, point.options);
      if (const auto* number = std::get_if<double>(&value))
        settings.push_back(fmt::format("{} = {:g}", option.name, *number));
      if (const auto* whole = std::get_if<int64_t>(&value))
        settings.push_back(fmt::format("{} = {}", option.name, *whole));
      if (const auto* flag = std::get_if<bool>(&value)) settings.push_back(fmt::format("{} = {}", option.name, *flag));
    }
    if (!settings.empty()) walk.note(fmt::format("Options: {}.", fmt::join(settings, ", ")));
  }

  void walk_sample_loss(const LossPoint& point, Walk& walk) const {
    walk.value("Log of the outputs", {"log p", "\\log p"},
               {"log p_c = z_c - log sum_k exp(z_k)", "\\log p_c = z_c - \\log \\sum_k e^{z_k}"}, point.log_p,
               log_softmax(point.logits));
    walk.value("Outputs", {"p", "p"}, {"p_c = exp(z_c) / sum_k exp(z_k)", "p_c = \\frac{e^{z_c}}{\\sum_k e^{z_k}}"},
               point.p, softmax(point.logits));
    const SampleLoss formulas = loss_.formulas(point, walk);
    walk_losses(point, formulas, walk);
    walk_gradients_of(point, formulas, walk);
    if (loss_.method == "lccn") walk_lccn_end(point, walk);
  }

  static void draw_tape(const LossPoint& point, Walk& walk) {
    Tensor logits = point.logits.clone();
    logits.set_requires_grad(true);
    walk.draw((*point.loss)(logits, point.batch), {{logits.node().get(), "z"}});
  }

  const KnownLoss& loss_;
  MethodOptions options_;
  std::optional<ExampleFlags> example_;
  std::optional<LossFlags> loss_flags_;
};

}  // namespace

double LossPoint::number(std::string_view option) const {
  return std::get<double>(option_of(*this, option));
}
int64_t LossPoint::whole(std::string_view option) const {
  return std::get<int64_t>(option_of(*this, option));
}
bool LossPoint::flag(std::string_view option) const {
  return std::get<bool>(option_of(*this, option));
}

std::vector<Subject> loss_subjects() {
  std::vector<Subject> subjects;
  for (const KnownLoss& loss : kKnownLosses)
    subjects.push_back({std::string(loss.method), std::string(loss.title),
                        [&loss] { return std::make_unique<LossDerivation>(loss); }});
  return subjects;
}

}  // namespace cofactor
