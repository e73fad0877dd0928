#include "experiments/training/trainer.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "data/loader.h"
#include "engine/autograd.h"
#include "engine/profile/recorder.h"
#include "experiments/training/activity.h"
#include "experiments/training/evaluate.h"
#include "experiments/training/loss_sum.h"
#include "experiments/training/phase_checks.h"
#include "experiments/training/phase_files.h"
#include "experiments/training/rank_steps.h"
#include "experiments/training/step_profile.h"
#include "experiments/training/step_runner.h"
#include "experiments/training/stop.h"

namespace cofactor {
namespace {

using EpochClock = std::chrono::steady_clock;
using EpochSeconds = std::chrono::duration<double>;

constexpr int64_t kEvaluationBatch = 1000;
constexpr double kOftenSkipped = 0.05;  // above this share of skipped batches the run names the remedy

LoaderOptions loader_options(const TrainerOptions& options, int64_t batch_size, SamplerKind sampler, uint64_t seed) {
  return {.batch_size = batch_size,
          .rank = rank_of(options),
          .ranks = ranks_of(options),
          .sampler = sampler,
          .last_batch = LastBatch::keep,
          .seed = seed,
          .device = options.device,
          .workers = options.workers};
}

// Batches of the plan's size, or of the loss's own size in parts of the plan's. Ranks share both.
LoaderOptions training_options(const TrainerOptions& options, const Phase& phase, const Loss& loss) {
  LoaderOptions result = loader_options(options, phase.plan.batch_size, options.sampler, phase.seed);
  if (loss.logical_batch() == 0) return result;
  result.part_size = share_of(phase.plan.batch_size, 0, result.ranks).count;
  result.batch_size = loss.logical_batch();
  return result;
}

// What is known of a batch in parts without its tensors.
Batch joined(const std::vector<Batch>& parts) {
  Batch all;
  for (const Batch& part : parts) {
    all.host_labels.insert(all.host_labels.end(), part.host_labels.begin(), part.host_labels.end());
    all.indices.insert(all.indices.end(), part.indices.begin(), part.indices.end());
  }
  all.first = parts.front().first;
  all.whole = parts.front().whole;
  return all;
}

std::string describe_epoch(const EpochMetrics& metrics, int epochs) {
  std::string line =
      fmt::format("epoch {}/{}  train loss {:.4f}  valid loss {:.4f}  valid accuracy {:.2f}%", metrics.epoch + 1,
                  epochs, metrics.train_loss, metrics.valid_loss, metrics.valid_accuracy);
  if (metrics.skipped_batches > 0) {
    line += fmt::format("  skipped {} of {} batches", metrics.skipped_batches, metrics.batches);
  }
  return line + fmt::format("  {:.1f} s", metrics.seconds);
}

// For what depends on all samples of a batch, on all ranks.
Batch of_all_ranks(const Batch& batch) {
  if (!batch.whole) return batch;
  Batch all;
  all.host_labels = batch.whole->labels;
  all.indices = batch.whole->indices;
  return all;
}

class Trainer {
 public:
  Trainer(const Phase& phase, const TrainerOptions& options, const NoisyData& data, Module& model, Loss& loss,
          Progress& progress)
      : phase_(phase),
        options_(options),
        data_(data),
        model_(model),
        loss_(loss),
        progress_(progress),
        batch_size_(std::min(training_options(options, phase, loss).batch_size, data.train.size())),
        train_(data.train, training_options(options, phase, loss)),
        validation_(data.validation, loader_options(options, kEvaluationBatch, SamplerKind::sequential, phase.seed)),
        schedule_(step_rate(phase.plan.lr, phase.plan.lr_steps)),
        ranks_(options.ranks, model),
        files_(phase, options, model, loss, progress),
        checks_(phase, options, data.train, loss, state_),
        losses_([this](double value, const StepPlace& at) { checks_.replayed_loss(value, at); }) {}

  std::vector<EpochMetrics> run() {
    const int64_t samples = data_.train.size();
    if (files_.load_finished(state_)) {
      progress_.skip(samples * phase_.plan.epochs);
      return state_.history;
    }
    const StopSignals signals;
    if (options_.ranks) loss_.share_state(*options_.ranks);
    optimizer_ = make_optimizer(phase_.plan, model_.parameters());
    if (files_.resume(*optimizer_, train_.batches_per_epoch(), state_)) {
      progress_.skip(samples * static_cast<int64_t>(state_.history.size()) +
                     std::min(state_.partial.batches * batch_size_, samples));
    } else {
      begin();
    }
    ranks_.copy_model();
    run_epochs();
    if (const std::string warning = checks_.selectable(); !warning.empty()) progress_.note(warning);
    files_.finish(state_);
    return state_.history;
  }

 private:
  // Checks the given weights, and shows the loss their outputs for every training sample, where it asks for them.
  void begin() {
    checks_.initial_weights(model_);
    if (!loss_.needs_training_outputs()) return;
    Loader loader(data_.train, loader_options(options_, kEvaluationBatch, SamplerKind::sequential, phase_.seed));
    try {
      const Predictions outputs = predict(model_, loader, "training", options_.ranks);
      const NoGrad no_grad;
      loss_.prepare(outputs.logits, outputs.batch);
    } catch (const OutOfMemory&) {
      throw;
    } catch (const ReadError& error) {
      checks_.unreadable(error);
    } catch (const NotFinite& error) {
      checks_.outputs_not_finite(error, "before the first step");
    } catch (const Error& error) {
      throw RunFailed(fmt::format("{}: before the first step: {}", phase_.label, error.what()));
    }
  }

  void run_epochs() {
    // The kernels of a replayed step cannot be told apart.
    if (options_.ranks)
      runner_.emplace(model_, loss_, *optimizer_, *options_.ranks, options_.bf16_sums);
    else
      runner_.emplace(model_, loss_, *optimizer_,
                      options_.cuda_graph && !options_.profile && loss_.logical_batch() == 0);
    if (options_.profile) options_.profile->begin(phase_.label, options_.device);
    files_.start_clock();
    try {
      while (static_cast<int>(state_.history.size()) < phase_.plan.epochs) {
        if (const int signal = ranks_.between_steps(false).signal) StopSignals::stop(signal);
        run_epoch();
        save();
      }
      report_profile(true);
    } catch (const Interrupted& stop) {
      save_before_end(stop);
      throw;
    } catch (const ReadError& error) {  // no checkpoint: mending the data changes what is trained on
      checks_.unreadable(error);
    }
  }

  void run_epoch() {
    PartialEpoch& partial = state_.partial;
    began_ = EpochClock::now() - std::chrono::duration_cast<EpochClock::duration>(EpochSeconds(partial.seconds));
    EpochMetrics metrics{.epoch = static_cast<int>(state_.history.size())};
    metrics.lr = schedule_(metrics.epoch);
    optimizer_->set_lr(metrics.lr);
    model_.train();
    losses_.restart(partial.loss_sum);
    train_.start_epoch(phase_.first_epoch + metrics.epoch, partial.batches);
    run_batches();
    validate(metrics);
    metrics.batches = partial.batches;
    metrics.skipped_batches = partial.skipped_batches;
    metrics.train_loss = losses_.read() / static_cast<double>(metrics.batches - metrics.skipped_batches);
    metrics.seconds = seconds();
    partial = {};
    state_.history.push_back(metrics);
    if (best_epoch(state_.history, phase_.selection) == state_.history.size() - 1) state_.best = model_.state();
    report(metrics);
  }

  // The remaining batches of the epoch. Between two of them everything may be saved.
  void run_batches() {
    while (const int64_t samples = next_step()) {
      ++state_.partial.batches;
      progress_.advance(samples);
      report_profile(false);
      const RankSteps::Decision decision = ranks_.after_step(files_.is_due());
      if (decision.signal != 0) StopSignals::stop(decision.signal);
      if (decision.save) save();
    }
    losses_.read();
    checks_.some_batch_trained();
  }

  // Trains on the next batch, unless the loss skips it. Returns its number of samples; 0 at the end of the epoch.
  int64_t next_step() {
    StepProfile::Step step(options_.profile);
    const std::vector<Batch> parts = [&] {
      const ProfileSpan span(EventKind::phase, "load");
      return train_.next_parts();
    }();
    if (parts.empty()) return 0;
    const Batch batch = parts.size() == 1 ? parts.front() : joined(parts);
    const Batch whole = of_all_ranks(batch);
    if (loss_.skips(whole, data_.train.data->classes())) {
      ++state_.partial.skipped_batches;
    } else {
      train_step(parts, batch);
      step.keep();
    }
    return whole.size();
  }

  // A profile that cannot be written does not end the run.
  void report_profile(bool no_more) {
    if (!options_.profile) return;
    try {
      if (const auto text = options_.profile->report(no_more)) progress_.note(*text);
    } catch (const Error& error) {
      progress_.failure(fmt::format("{}: no profile: {}", phase_.label, error.what()));
    }
  }

  // Forward, loss, backward and update (StepRunner), then the loss's own work after the step. An interrupted step on
  // several parts leaves everything as it was before it.
  void train_step(const std::vector<Batch>& parts, const Batch& batch) {
    const int epoch = static_cast<int>(state_.history.size());
    const StepPlace at{epoch * train_.batches_per_epoch() + state_.partial.batches, epoch + 1,
                       state_.partial.batches + 1};
    // Dropout masks are keyed by the step within the phase, and pre-training's differ from fine-tuning's.
    const uint64_t key = (uint64_t{phase_.is_finetuning()} << 32) + static_cast<uint64_t>(at.step);
    const Tensor loss =
        parts.size() == 1 ? runner_->run(batch, phase_.seed, key) : runner_->run_parts(parts, phase_.seed, key, [&] {
          if (!options_.ranks) StopSignals::check();
        });
    note_refusal();
    if (runner_->replaying()) {
      losses_.add_later(loss, at);  // nothing here waits for the device within an epoch
    } else {
      const double value = loss.item();
      checks_.training_loss(value, at, parts[runner_->part_of_logits()], runner_->logits());
      losses_.add(value);
    }
    try {
      const ProfileSpan span(EventKind::phase, "after the step");
      loss_.step_done(batch);
    } catch (const OutOfMemory&) {
      throw;
    } catch (const Error& error) {
      losses_.read();  // a loss that is not finite is the better reason
      throw RunFailed(fmt::format("{}: after step {}: {}", phase_.label, at.step, error.what()));
    }
  }

  void note_refusal() {
    if (runner_->refusal().empty() || std::exchange(refusal_noted_, true)) return;
    progress_.note(
        fmt::format("{}: steps run one by one, since they cannot be recorded: {}", phase_.label, runner_->refusal()));
  }

  void validate(EpochMetrics& metrics) {
    Predictions predictions;
    try {
      predictions = predict(model_, validation_, "validation", options_.ranks);
    } catch (const NotFinite& error) {
      checks_.outputs_not_finite(error, fmt::format("epoch {}", metrics.epoch + 1));
    }
    const NoGrad no_grad;
    metrics.valid_loss = loss_.evaluate(predictions.logits, predictions.batch).item();
    checks_.validation_loss(metrics.valid_loss, metrics.epoch + 1);
    metrics.valid_accuracy = confusion(predictions).accuracy();
  }

  void report(const EpochMetrics& metrics) {
    progress_.epoch(describe_epoch(metrics, phase_.plan.epochs));
    const double share = static_cast<double>(metrics.skipped_batches) / static_cast<double>(metrics.batches);
    if (share <= kOftenSkipped || std::exchange(remedy_noted_, true)) return;
    progress_.note(fmt::format("{}: {:.0f}% of the batches lack a class and carry no signal for {}; {}", phase_.label,
                               100.0 * share, loss_.name(), checks_.remedy_for_skipped()));
  }

  double seconds() const { return EpochSeconds(EpochClock::now() - began_).count(); }

  void save() {
    if (state_.partial.batches > 0) {
      state_.partial.loss_sum = losses_.read();
      state_.partial.seconds = seconds();
    }
    files_.save(*optimizer_, state_);
  }

  // A save that fails must not hide why the run ends.
  void save_before_end(const Interrupted& stop) {
    if (state_.history.empty() && state_.partial.batches == 0) return;  // there is nothing to save
    try {
      if (state_.partial.batches > 0) save();  // between two epochs it is saved
      progress_.note(fmt::format("{}: {} {}; the same command resumes from there", phase_.label, stop.what(),
                                 describe_place(state_, phase_.plan.epochs, train_.batches_per_epoch())));
    } catch (const Error& error) {
      progress_.failure(
          fmt::format("{}: {}; no checkpoint could be written: {}", phase_.label, stop.what(), error.what()));
    }
  }

  const Phase& phase_;
  const TrainerOptions& options_;
  const NoisyData& data_;
  Module& model_;
  Loss& loss_;
  Progress& progress_;
  const int64_t batch_size_;  // of the steps
  Loader train_, validation_;
  Schedule schedule_;
  RankSteps ranks_;
  PhaseState state_;
  PhaseFiles files_;
  PhaseChecks checks_;
  LossSum losses_;
  std::unique_ptr<Optimizer> optimizer_;
  std::optional<StepRunner> runner_;
  EpochClock::time_point began_;  // of the epoch, as if it had never been interrupted
  bool remedy_noted_ = false, refusal_noted_ = false;
};

}  // namespace

std::vector<EpochMetrics> train_phase(const Phase& phase, const TrainerOptions& options, const NoisyData& data,
                                      Module& model, Loss& loss, Progress& progress) {
  progress.start(phase.label);
  now_doing("training " + phase.label);
  return Trainer(phase, options, data, model, loss, progress).run();
}

}  // namespace cofactor
