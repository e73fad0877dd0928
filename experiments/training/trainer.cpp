#include "experiments/training/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "data/loader.h"
#include "engine/autograd.h"
#include "engine/io/file.h"
#include "experiments/sweep/program.h"
#include "experiments/sweep/settings.h"
#include "experiments/training/diagnosis.h"
#include "experiments/training/evaluate.h"
#include "experiments/training/loss_sum.h"
#include "experiments/training/step_runner.h"
#include "experiments/training/stop.h"

namespace cofactor {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr int64_t kEvaluationBatch = 1000;
constexpr double kOftenSkipped = 0.05;  // above this share of skipped batches the run names the cure
constexpr double kSavingShare = 0.05;   // of the time, at most, goes into checkpoints within an epoch

Clock::duration in_ticks(Seconds seconds) {
  return std::chrono::duration_cast<Clock::duration>(seconds);
}

template <class... Args>
void require(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) throw RunFailed(fmt::format(format, std::forward<Args>(args)...));
}

class Trainer {
 public:
  Trainer(const Phase& phase, const RunOptions& options, const NoisyData& data, Module& model, Loss& loss,
          Progress& progress)
      : phase_(phase),
        options_(options),
        model_(model),
        loss_(loss),
        progress_(progress),
        train_split_(data.train),
        samples_(data.train.size()),
        classes_(data.train.data->classes()),
        train_(data.train, loader_options(phase.plan.batch_size, options.sampler)),
        validation_(data.validation, loader_options(kEvaluationBatch, SamplerKind::sequential)),
        schedule_(step_rate(phase.plan.lr, phase.plan.lr_steps)),
        losses_([this](double value, const StepPlace& at) { check_replayed(value, at); }) {}

  std::vector<EpochMetrics> run() {
    ensure_writable_directory(phase_.folder);
    if (load_finished()) return history_;
    const StopSignals signals;
    optimizer_ = optimizer_of(phase_.plan, model_.parameters());
    if (!resume()) begin();
    runner_.emplace(model_, loss_, *optimizer_, options_.cuda_graph);
    next_save_ = Clock::now() + in_ticks(every());
    try {
      while (static_cast<int>(history_.size()) < phase_.plan.epochs) {
        StopSignals::check();
        run_epoch();
        save();
      }
    } catch (const Interrupted& stop) {
      save_before_end(stop);
      throw;
    } catch (const ReadError& error) {  // no checkpoint: what cures it changes what is trained on
      fail_unreadable(error);
    }
    finish();
    return history_;
  }

 private:
  LoaderOptions loader_options(int64_t batch_size, SamplerKind sampler) const {
    return {.batch_size = batch_size,
            .sampler = sampler,
            .last_batch = LastBatch::keep,
            .seed = phase_.seed,
            .device = options_.device,
            .workers = options_.workers};
  }
  std::filesystem::path weights_path() const { return phase_.folder / "weights.safetensors"; }
  std::filesystem::path checkpoint_path() const { return phase_.folder / "checkpoint.safetensors"; }
  std::filesystem::path metrics_path() const { return phase_.folder / "metrics.jsonl"; }

  bool load_finished() {
    if (!std::filesystem::exists(weights_path())) return false;
    const Weights weights = load_weights(weights_path());
    check_same_settings(weights.settings, phase_.settings, weights_path().string());
    load_model(weights.tensors, weights_path());
    history_ = read_metrics(metrics_path());
    check(static_cast<int>(history_.size()) == phase_.plan.epochs, "{}: number of epochs {}, expected {}",
          metrics_path().string(), history_.size(), phase_.plan.epochs);
    std::filesystem::remove(checkpoint_path());
    progress_.skip(samples_ * phase_.plan.epochs);
    return true;
  }

  void load_model(const std::vector<NamedTensor>& state, const std::filesystem::path& path) {
    try {
      model_.load_state(state);
    } catch (const Error& error) {
      fail("{}: {}", path.string(), error.what());
    }
  }

  // Whether there was a checkpoint to go on from.
  bool resume() {
    if (!std::filesystem::exists(checkpoint_path())) return false;
    const std::string path = checkpoint_path().string();
    Checkpoint checkpoint = load_checkpoint(checkpoint_path(), options_.device);
    check_same_settings(checkpoint.settings, phase_.settings, path);
    // The best weights go through the model too, so that a file that does not fit is found now and not at the end.
    if (!checkpoint.history.empty()) load_model(checkpoint.best, checkpoint_path());
    load_model(checkpoint.model, checkpoint_path());
    try {
      optimizer_->load_state(checkpoint.optimizer);
      loss_.load_state(checkpoint.loss);
    } catch (const Error& error) {
      fail("{}: {}", path, error.what());
    }
    history_ = std::move(checkpoint.history);
    best_ = std::move(checkpoint.best);
    partial_ = checkpoint.partial.value_or(PartialEpoch{});
    check(partial_.batches <= train_.batches_per_epoch(), "{}: batch {} of an epoch of {}", path, partial_.batches,
          train_.batches_per_epoch());
    for (const EpochMetrics& epoch : history_) updates_ += epoch.batches - epoch.skipped_batches;
    updates_ += partial_.batches - partial_.skipped_batches;
    progress_.note(fmt::format("{}: resumed {}", phase_.label, place()));
    if (checkpoint.threads != options_.threads) {
      progress_.note(fmt::format("  it began with --threads {}, now {}: the last digits may differ", checkpoint.threads,
                                 options_.threads));
    }
    progress_.skip(samples_ * static_cast<int64_t>(history_.size()) +
                   std::min(partial_.batches * phase_.plan.batch_size, samples_));
    return true;
  }

  // How far the phase has come: "after epoch 2 of 20", "in epoch 3 of 20, after batch 17 of 40".
  std::string place() const {
    if (partial_.batches == 0) return fmt::format("after epoch {} of {}", history_.size(), phase_.plan.epochs);
    return fmt::format("in epoch {} of {}, after batch {} of {}", history_.size() + 1, phase_.plan.epochs,
                       partial_.batches, train_.batches_per_epoch());
  }

  // Looks at the given weights, and shows the loss what they answer for every training sample, where it asks.
  void begin() {
    const std::string wrong = wrong_with_initial_weights(standing(), model_.state());
    require(wrong.empty(), "{}: before the first step the weights are not finite: {}", phase_.label, wrong);
    if (!loss_.needs_training_outputs()) return;
    Loader loader(train_split_, loader_options(kEvaluationBatch, SamplerKind::sequential));
    try {
      const Predictions outputs = predict(model_, loader, "training");
      const NoGrad no_grad;
      loss_.prepare(outputs.logits, outputs.batch);
    } catch (const OutOfMemory&) {
      throw;
    } catch (const ReadError& error) {
      fail_unreadable(error);
    } catch (const NotFinite& error) {
      throw RunFailed(fmt::format("{}: before the first step: {}; likely cause: {}", phase_.label, error.what(),
                                  cause_of_outputs(standing())));
    } catch (const Error& error) {
      throw RunFailed(fmt::format("{}: before the first step: {}", phase_.label, error.what()));
    }
  }

  Standing standing() const {
    return {.finetuning = phase_.is_finetuning(), .loss = loss_.name(), .lr = phase_.plan.lr, .updates = updates_};
  }

  [[noreturn]] void fail_unreadable(const ReadError& error) const {
    fail("{}: {}{}", phase_.label, error.what(),
         options_.may_skip_broken ? "; --skip-broken leaves out images that cannot be read" : "");
  }

  void run_epoch() {
    began_ = Clock::now() - in_ticks(Seconds(partial_.seconds));
    EpochMetrics metrics{.epoch = static_cast<int>(history_.size())};
    metrics.lr = schedule_(metrics.epoch);
    optimizer_->set_lr(metrics.lr);
    model_.train();
    losses_.restart(partial_.loss_sum);
    train_.start_epoch(phase_.first_epoch + metrics.epoch, partial_.batches);
    run_batches();
    validate(metrics);
    metrics.batches = partial_.batches;
    metrics.skipped_batches = partial_.skipped_batches;
    metrics.train_loss = losses_.read() / static_cast<double>(metrics.batches - metrics.skipped_batches);
    metrics.seconds = seconds();
    partial_ = {};
    history_.push_back(metrics);
    if (best_epoch(history_, phase_.selection) == history_.size() - 1) best_ = model_.state();
    report(metrics);
  }

  // The epoch's batches that are left. Between two of them everything may be saved.
  void run_batches() {
    while (const auto batch = train_.next()) {
      if (loss_.skips(*batch, classes_)) {
        ++partial_.skipped_batches;
      } else {
        train_step(*batch);
      }
      ++partial_.batches;
      progress_.advance(batch->size());
      StopSignals::check();
      if (every() > Seconds(0) && Clock::now() >= next_save_) save();
    }
    losses_.read();
    if (partial_.batches > partial_.skipped_batches) return;
    throw RunFailed(fmt::format("{}: each of the {} batches of epoch {} lacks a class and was skipped; {}",
                                phase_.label, partial_.batches, history_.size() + 1, cure()));
  }

  // Forward, loss, backward, update, and word to the loss.
  void train_step(const Batch& batch) {
    // Dropout masks are keyed by the batch's number within the phase, and pre-training's differ from fine-tuning's.
    const int epoch = static_cast<int>(history_.size());
    const StepPlace at{epoch * train_.batches_per_epoch() + partial_.batches, epoch + 1, partial_.batches + 1};
    const Tensor loss =
        runner_->run(batch, phase_.seed, (uint64_t{phase_.is_finetuning()} << 32) + static_cast<uint64_t>(at.step));
    if (!runner_->refusal().empty() && !refusal_named_) {
      refusal_named_ = true;
      progress_.note(
          fmt::format("{}: steps run one by one, since they cannot be recorded: {}", phase_.label, runner_->refusal()));
    }
    if (runner_->replaying()) {  // nothing here waits for the device within an epoch
      losses_.add_later(loss, at);
    } else {
      const double value = loss.item();
      check_loss(value, at, [&] { return cause_of_loss(standing(), batch, runner_->logits()); });
      losses_.add(value);
    }
    try {
      loss_.step_done(batch);
    } catch (const OutOfMemory&) {
      throw;
    } catch (const Error& error) {
      losses_.read();  // one that is not finite is the better reason
      throw RunFailed(fmt::format("{}: after step {}: {}", phase_.label, at.step, error.what()));
    }
    ++updates_;
  }

  template <class Cause>
  void check_loss(double value, const StepPlace& at, const Cause& cause) const {
    if (std::isfinite(value)) return;
    throw RunFailed(fmt::format("{}: the training loss is {} at step {} (epoch {}, batch {}); likely cause: {}",
                                phase_.label, value, at.step, at.epoch, at.batch, cause()));
  }

  void check_replayed(double value, const StepPlace& at) const {
    check_loss(value, at, [] {
      return std::string("the step was replayed, and what it worked on is gone; --cuda-graph off looks at each step");
    });
  }

  void validate(EpochMetrics& metrics) {
    Predictions predictions;
    try {
      predictions = predict(model_, validation_, "validation");
    } catch (const NotFinite& error) {
      throw RunFailed(fmt::format("{}: epoch {}: {}; likely cause: {}", phase_.label, metrics.epoch + 1, error.what(),
                                  cause_of_outputs(standing())));
    }
    const NoGrad no_grad;
    metrics.valid_loss = loss_.evaluate(predictions.logits, predictions.batch).item();
    // Infinity is a verdict (outputs that carry no information, for DMI), and never selected before a finite loss.
    require(!std::isnan(metrics.valid_loss) && metrics.valid_loss > -INFINITY,
            "{}: the validation loss is {} after epoch {}", phase_.label, metrics.valid_loss, metrics.epoch + 1);
    metrics.valid_accuracy = confusion(predictions).accuracy();
  }

  void report(const EpochMetrics& metrics) {
    std::string line =
        fmt::format("epoch {}/{}  train loss {:.4f}  valid loss {:.4f}  valid accuracy {:.2f}%", metrics.epoch + 1,
                    phase_.plan.epochs, metrics.train_loss, metrics.valid_loss, metrics.valid_accuracy);
    if (metrics.skipped_batches > 0) {
      line += fmt::format("  skipped {} of {} batches", metrics.skipped_batches, metrics.batches);
    }
    progress_.epoch(line + fmt::format("  {:.1f} s", metrics.seconds));
    const double share = static_cast<double>(metrics.skipped_batches) / static_cast<double>(metrics.batches);
    if (share > kOftenSkipped && !cure_named_) {
      cure_named_ = true;
      progress_.note(fmt::format("{}: {:.0f}% of the batches lack a class and teach {} nothing; {}", phase_.label,
                                 100.0 * share, loss_.name(), cure()));
    }
  }

  std::string cure() const { return cure_for_skipped_batches(train_split_, options_.sampler, phase_.plan.batch_size); }

  double seconds() const { return Seconds(Clock::now() - began_).count(); }
  Seconds every() const { return Seconds(options_.checkpoint_every); }

  // All there is, after an epoch or within one.
  void save() {
    const auto began = Clock::now();
    Checkpoint checkpoint{.settings = phase_.settings,
                          .threads = options_.threads,
                          .history = history_,
                          .model = model_.state(),
                          .best = best_,
                          .optimizer = optimizer_->state(),
                          .loss = loss_.state()};
    if (partial_.batches > 0) {
      partial_.loss_sum = losses_.read();
      partial_.seconds = seconds();
      checkpoint.partial = partial_;
    }
    save_checkpoint(checkpoint_path(), checkpoint);
    if (!checkpoint.partial) write_metrics(metrics_path(), history_);
    const Clock::time_point ended = Clock::now();
    const Seconds pause = std::max(every(), Seconds(ended - began) / kSavingShare);
    next_save_ = ended + in_ticks(pause);
  }

  // A save that fails must not hide why the run ends.
  void save_before_end(const Interrupted& stop) {
    if (history_.empty() && partial_.batches == 0) return;  // there is nothing to save
    try {
      if (partial_.batches > 0) save();  // else it is saved
      progress_.note(fmt::format("{}: {} {}; the same command goes on from there", phase_.label, stop.what(), place()));
    } catch (const Error& error) {
      progress_.failure(
          fmt::format("{}: {}; no checkpoint could be written: {}", phase_.label, stop.what(), error.what()));
    }
  }

  // The order makes every moment a good one to stop: metrics, weights, and only then the checkpoint goes.
  void finish() {
    const auto is_finite = [](const EpochMetrics& epoch) { return std::isfinite(epoch.valid_loss); };
    require(std::ranges::any_of(history_, is_finite),
            "{}: the validation loss is infinite after each of {} epochs, so "
            "that there is none to select: {}",
            phase_.label, history_.size(), cause_of_infinite_validation(standing()));
    if (!is_finite(history_[best_epoch(history_, phase_.selection)])) {
      progress_.note(fmt::format("{}: warning: the validation loss is infinite after the selected epoch; {}",
                                 phase_.label, cause_of_infinite_validation(standing())));
    }
    write_metrics(metrics_path(), history_);
    model_.load_state(best_);
    save_weights(weights_path(), {phase_.settings, best_});
    std::filesystem::remove(checkpoint_path());
  }

  const Phase& phase_;
  const RunOptions& options_;
  Module& model_;
  Loss& loss_;
  Progress& progress_;
  const Split& train_split_;
  int64_t samples_, classes_;
  Loader train_, validation_;
  Schedule schedule_;
  std::unique_ptr<Optimizer> optimizer_;
  std::vector<EpochMetrics> history_;
  PartialEpoch partial_;  // of the epoch under way; no batches between two epochs
  std::vector<NamedTensor> best_;
  int64_t updates_ = 0;  // of the weights in this phase
  bool cure_named_ = false, refusal_named_ = false;
  std::optional<StepRunner> runner_;
  LossSum losses_;
  Clock::time_point began_, next_save_;  // the epoch, as if it had never been interrupted; a checkpoint within it
};

}  // namespace

size_t best_epoch(const std::vector<EpochMetrics>& history, Selection selection) {
  // Accuracies tie, even in every epoch, where the noisy majority is the best answer everywhere.
  const auto better = [selection](const EpochMetrics& a, const EpochMetrics& b) {
    if (selection == Selection::validation_accuracy && a.valid_accuracy != b.valid_accuracy)
      return a.valid_accuracy > b.valid_accuracy;
    return a.valid_loss < b.valid_loss;
  };
  return static_cast<size_t>(std::ranges::min_element(history, better) - history.begin());
}

std::vector<EpochMetrics> train_phase(const Phase& phase, const RunOptions& options, const NoisyData& data,
                                      Module& model, Loss& loss, Progress& progress) {
  progress.start(phase.label);
  now_doing("training " + phase.label);
  return Trainer(phase, options, data, model, loss, progress).run();
}

}  // namespace cofactor
