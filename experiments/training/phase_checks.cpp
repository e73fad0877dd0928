#include "experiments/training/phase_checks.h"

#include <algorithm>
#include <cmath>

namespace cofactor {
namespace {

template <class... Args>
[[noreturn]] void fail_run(fmt::format_string<Args...> format, Args&&... args) {
  throw RunFailed(fmt::format(format, std::forward<Args>(args)...));
}

bool has_finite_loss(const EpochMetrics& epoch) {
  return std::isfinite(epoch.valid_loss);
}

}  // namespace

Standing PhaseChecks::standing() const {
  return {.finetuning = phase_.is_finetuning(), .loss = loss_, .lr = phase_.plan.lr, .updates = state_.updates()};
}

void PhaseChecks::initial_weights(const Module& model) const {
  const std::string wrong = wrong_with_initial_weights(standing(), model.state());
  if (!wrong.empty()) fail_run("{}: before the first step the weights are not finite: {}", phase_.label, wrong);
}

void PhaseChecks::training_loss(double value, const StepPlace& at, const Batch& batch, const Tensor& logits) const {
  if (std::isfinite(value)) return;
  fail_run("{}: the training loss is {} at step {} (epoch {}, batch {}); likely cause: {}", phase_.label, value,
           at.step, at.epoch, at.batch,
           options_.ranks ? cause_of_loss(standing(), batch, logits, *options_.ranks)
                          : cause_of_loss(standing(), batch, logits));
}

void PhaseChecks::replayed_loss(double value, const StepPlace& at) const {
  if (std::isfinite(value)) return;
  fail_run(
      "{}: the training loss is {} at step {} (epoch {}, batch {}); the cause is not known, since the step was "
      "replayed "
      "and its batch and outputs are gone; --cuda-graph off checks each step",
      phase_.label, value, at.step, at.epoch, at.batch);
}

void PhaseChecks::validation_loss(double value, int epoch) const {
  if (std::isnan(value) || value == -INFINITY)
    fail_run("{}: the validation loss is {} after epoch {}", phase_.label, value, epoch);
}

void PhaseChecks::some_batch_trained() const {
  const PartialEpoch& epoch = state_.partial;
  if (epoch.batches > epoch.skipped_batches) return;
  fail_run("{}: each of the {} batches of epoch {} lacks a class and was skipped; {}", phase_.label, epoch.batches,
           state_.history.size() + 1, remedy_for_skipped());
}

std::string PhaseChecks::selectable() const {
  const std::vector<EpochMetrics>& history = state_.history;
  if (std::ranges::none_of(history, has_finite_loss)) {
    fail_run("{}: the validation loss is infinite after each of {} epochs, so there is none to select: {}",
             phase_.label, history.size(), cause_of_infinite_validation(standing()));
  }
  if (has_finite_loss(history[best_epoch(history, phase_.selection)])) return {};
  return fmt::format("{}: warning: the validation loss is infinite after the selected epoch; {}", phase_.label,
                     cause_of_infinite_validation(standing()));
}

void PhaseChecks::outputs_not_finite(const NotFinite& error, const std::string& when) const {
  fail_run("{}: {}: {}; likely cause: {}", phase_.label, when, error.what(), cause_of_outputs(standing()));
}

void PhaseChecks::unreadable(const ReadError& error) const {
  fail("{}: {}{}", phase_.label, error.what(),
       options_.may_skip_broken ? "; --skip-broken leaves out images that cannot be read" : "");
}

std::string PhaseChecks::remedy_for_skipped() const {
  const int64_t logical = loss_.logical_batch();
  if (logical > 0) return remedy_for_skipped_batches(train_, options_.sampler, logical, kLogicalBatchFlag);
  return remedy_for_skipped_batches(train_, options_.sampler, phase_.plan.batch_size);
}

}  // namespace cofactor
