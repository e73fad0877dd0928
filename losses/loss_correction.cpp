#include "losses/loss_correction.h"

#include "data/noise/estimate.h"
#include "engine/state_reader.h"
#include "losses/checks.h"

namespace cofactor {

std::vector<OptionMember<LossCorrectionOptions>> LossCorrectionOptions::members() {
  return {{.name = "transition",
           .flag = "--transition",
           .help = "file with T: one line per class, the probabilities of its labels",
           .member = &LossCorrectionOptions::transition,
           .default_text = "estimated from ce",
           .no_value = "estimated"}};
}

LossCorrection::LossCorrection(const LossCorrectionOptions& options, MakeTable make_table)
    : given_(options.transition.has_value()), make_table_(make_table) {
  if (options.transition) set(*options.transition);
}

void LossCorrection::set(Transition transition) {
  table_.set(transition.classes(), make_table_(transition));
  transition_ = std::move(transition);
}

void LossCorrection::prepare(const Tensor& logits, const Batch& batch) {
  if (given_) return;
  check_logits_and_labels(name(), logits, batch.labels, 2);
  set(estimate_transition(name(), logits));
}

std::vector<NamedTensor> LossCorrection::state() const {
  if (given_ || !transition_) return {};
  return {{"transition", transition_->tensor()}};
}

void LossCorrection::load_state(const std::vector<NamedTensor>& state) {
  if (given_) return Loss::load_state(state);
  StateReader reader(name(), state);
  const Tensor saved = reader.take("transition");
  reader.check_finished();
  set(Transition::from_tensor(name(), saved));
}

Tensor LossCorrection::table_rows(const Tensor& logits, const Tensor& labels) {
  check_logits_and_labels(name(), logits, labels, 2);
  check(transition_.has_value(),
        "{}: there is no transition matrix yet; give one, or call prepare() before the first step, which estimates it",
        name());
  check(logits.dim(1) == transition_->classes(), "{}: logits of shape {} have {} classes, the transition matrix has {}",
        name(), logits.shape(), logits.dim(1), transition_->classes());
  return table_.rows(labels, logits.dtype());
}

}  // namespace cofactor
