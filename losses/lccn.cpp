#include "losses/lccn.h"

#include <algorithm>
#include <cmath>

#include "data/noise/estimate.h"
#include "engine/autograd.h"
#include "engine/distributed/communicator.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/multinomial.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "losses/checks.h"
#include "losses/cross_entropy.h"
#include "losses/forward_correction.h"

namespace cofactor {

namespace {

// Steps whose drawn labels may stay on the device. With more, they are read early, which changes no result.
constexpr size_t kMaxDrawn = 256;

// A sample's latent label, as a step has drawn it.
struct DrawnLabel {
  int64_t index;
  int32_t step, noisy, latent, unused = 0;  // no padding: ranks exchange its bytes
};

void check_on_host(const Batch& batch, int64_t samples) {
  const auto count = static_cast<size_t>(samples);
  check(batch.host_labels.size() == count && batch.indices.size() == count,
        "lccn: a batch of {} samples has {} labels on the host and {} indices", samples, batch.host_labels.size(),
        batch.indices.size());
}

}  // namespace

std::vector<OptionMember<LccnOptions>> LccnOptions::members() {
  return {{.name = "warmup_steps",
           .flag = "--warmup-steps",
           .help = "first steps, in which T is estimated from the outputs of ce",
           .member = &LccnOptions::warmup_steps},
          {.name = "update_every",
           .flag = "--update-every",
           .help = "steps between two updates of T, which count the drawn labels",
           .member = &LccnOptions::update_every},
          {.name = "alpha", .flag = "--lccn-alpha", .help = "added to each count of T", .member = &LccnOptions::alpha}};
}

LccnLoss::LccnLoss(const LccnOptions& options) : options_(options), key_{.purpose = Purpose::latent} {
  check(options.warmup_steps >= 0, "lccn: {} warm-up steps, expected at least 0", options.warmup_steps);
  check(options.update_every >= 1, "lccn: the transition matrix is updated every {} steps, expected at least 1",
        options.update_every);
  check(std::isfinite(options.alpha) && options.alpha > 0.0, "lccn: alpha is {}, expected a finite number above 0",
        options.alpha);
}

void LccnLoss::set_random(uint64_t seed, uint64_t step, int64_t first_sample) {
  check(first_sample >= 0, "lccn: the first sample has number {}, expected at least 0", first_sample);
  key_.seed = seed;
  key_.step = step;
  first_sample_ = first_sample;
}

// One tensor per number of samples, made once: a recorded step of that size writes there.
const Tensor& LccnLoss::latent_of(const Tensor& labels) {
  Tensor& latent = latent_[labels.dim(0)];
  if (!latent.defined() || latent.device() != labels.device())
    latent = Tensor::empty(labels.shape(), DType::i32, labels.device());
  return latent;
}

Tensor LccnLoss::operator()(const Tensor& logits, const Batch& batch) {
  check_logits_and_labels(name(), logits, batch.labels, 2);
  check(transition_.has_value(), "lccn: there are no counts yet; call prepare() before the first step");
  check(logits.dim(1) == columns_.classes(), "lccn: logits of shape {} have {} classes, the transition matrix has {}",
        logits.shape(), logits.dim(1), columns_.classes());
  const Tensor& latent = latent_of(batch.labels);
  {
    const NoGrad no_grad;
    const Tensor weights = softmax(logits) * columns_.rows(batch.labels, logits.dtype());
    latent.copy_from(multinomial(weights, key_, first_sample_));
  }
  return cross_entropy(logits, latent);
}

Tensor LccnLoss::evaluate(const Tensor& logits, const Batch& batch) {
  check(transition_.has_value(), "lccn: there are no counts yet; call prepare() before an evaluation");
  const NoGrad no_grad;
  return forward_correction(logits, batch.labels, *transition_);
}

void LccnLoss::set(Transition transition) {
  const int64_t classes = transition.classes();
  std::vector<double> columns;
  for (int64_t y = 0; y < classes; ++y)
    for (int64_t c = 0; c < classes; ++c) columns.push_back(transition.at(c, y));
  columns_.set(classes, std::move(columns));
  transition_ = std::move(transition);
}

void LccnLoss::prepare(const Tensor& logits, const Batch& batch) {
  check_logits_and_labels(name(), logits, batch.labels, 2);
  const int64_t samples = logits.dim(0), classes = logits.dim(1);
  check_on_host(batch, samples);
  const std::vector<double> p = softmax_on_host(name(), logits);
  const std::vector<int32_t> most_probable = argmax(logits.detach()).to_vector<int32_t>();
  LatentLabels latent(classes);
  std::vector<double> soft(static_cast<size_t>(classes * classes), 0.0);  // class, noisy label
  for (int64_t i = 0; i < samples; ++i) {
    const auto at = static_cast<size_t>(i);
    latent.set(batch.indices[at], batch.host_labels[at], most_probable[at]);
    for (int64_t c = 0; c < classes; ++c)
      soft[static_cast<size_t>(c * classes + batch.host_labels[at])] += p[static_cast<size_t>(i * classes + c)];
  }
  set(Transition::from_weights(classes, std::move(soft), options_.alpha));
  latent_labels_ = std::move(latent);
  drawn_.clear();
  steps_ = 0;
}

// In the order of the steps, since a sample that two of them have drawn keeps the later label.
void LccnLoss::read_drawn_into(LatentLabels& into) const {
  std::vector<DrawnLabel> labels;
  for (size_t step = 0; step < drawn_.size(); ++step) {
    const Drawn& drawn = drawn_[step];
    const std::vector<int32_t> latent = drawn.latent.to_vector<int32_t>();
    for (size_t i = 0; i < latent.size(); ++i)
      labels.push_back({drawn.indices[i], static_cast<int32_t>(step), drawn.noisy[i], latent[i]});
  }
  if (ranks_ && ranks_->size() > 1) {
    std::vector<DrawnLabel> of_all;
    for (const std::vector<DrawnLabel>& some : ranks_->all_gather_values<DrawnLabel>(labels))
      of_all.insert(of_all.end(), some.begin(), some.end());
    labels = std::move(of_all);
    std::ranges::stable_sort(labels, {}, &DrawnLabel::step);
  }
  for (const DrawnLabel& label : labels) into.set(label.index, label.noisy, label.latent);
}

void LccnLoss::step_done(const Batch& batch) {
  const auto latent = latent_.find(batch.size());
  check(latent != latent_.end(), "lccn: no labels were drawn for a batch of {} samples", batch.size());
  check_on_host(batch, batch.size());
  drawn_.push_back({latent->second.clone(), batch.indices, batch.host_labels});
  ++steps_;
  const int64_t counted = steps_ - options_.warmup_steps;
  if (counted >= 0 && counted % options_.update_every == 0) {
    read_drawn_into(latent_labels_);
    drawn_.clear();
    set(latent_labels_.transition(options_.alpha));
  } else if (drawn_.size() >= kMaxDrawn) {
    read_drawn_into(latent_labels_);
    drawn_.clear();
  }
}

std::vector<NamedTensor> LccnLoss::state() const {
  if (!transition_) return {};
  LatentLabels latent = latent_labels_;
  read_drawn_into(latent);
  const std::vector<int32_t> steps{static_cast<int32_t>(steps_)};
  std::vector<NamedTensor> state = latent.state();
  state.push_back({"transition", transition_->tensor()});
  state.push_back({"steps", Tensor::from(steps, {1}, kHost)});
  return state;
}

void LccnLoss::load_state(const std::vector<NamedTensor>& state) {
  StateReader reader(name(), state);
  Transition transition = Transition::from_tensor(name(), reader.take("transition"));
  const auto steps = reader.take("steps", {1}, DType::i32).to_vector<int32_t>()[0];
  check(steps >= 0, "lccn: {} steps in the state", steps);
  LatentLabels latent = LatentLabels::from_state(transition.classes(), reader);
  reader.check_finished();
  set(std::move(transition));
  latent_labels_ = std::move(latent);
  drawn_.clear();
  steps_ = steps;
}

}  // namespace cofactor
