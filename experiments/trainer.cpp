#include "experiments/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "data/loader.h"
#include "engine/autograd.h"
#include "engine/backend.h"
#include "engine/io/file.h"
#include "engine/ops/elementwise.h"
#include "engine/optim/adam.h"
#include "engine/optim/sgd.h"
#include "experiments/evaluate.h"
#include "experiments/settings.h"
#include "experiments/step_runner.h"

namespace cofactor {
namespace {

constexpr int64_t kEvaluationBatch = 1000;
constexpr size_t kMostUnread = 64;      // losses of replayed steps that wait on the device to be looked at
constexpr double kOftenSkipped = 0.05;  // above this share of skipped batches the run names the cure

std::unique_ptr<Optimizer> make_optimizer(const TrainingPlan& plan, std::vector<NamedTensor> parameters) {
  if (plan.optimizer == OptimizerKind::sgd) {
    return std::make_unique<Sgd>(
        std::move(parameters), SgdOptions{.lr = plan.lr, .momentum = plan.momentum, .weight_decay = plan.weight_decay});
  }
  return std::make_unique<Adam>(std::move(parameters), AdamOptions{.lr = plan.lr, .weight_decay = plan.weight_decay});
}

template <class... Args>
void require(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) throw RunFailed(fmt::format(format, std::forward<Args>(args)...));
}

// Integers (words of a sentence) are finite.
bool all_finite(const Tensor& tensor) {
  if (!is_floating(tensor.dtype())) return true;
  const std::vector<double> values = cast(tensor.detach(), DType::f64).to_vector<double>();
  return std::ranges::all_of(values, [](double value) { return std::isfinite(value); });
}

// Why a loss is not finite, as far as the batch and the outputs tell.
std::string likely_cause(const Batch& batch, const Tensor& logits, std::string_view loss) {
  if (!all_finite(batch.inputs)) return "the batch's inputs hold values that are not finite";
  if (!all_finite(logits)) return "the network's outputs are not finite, so the learning rate is likely too high";
  if (loss == "dmi") {
    return "U is singular: the network's outputs do not tell the noisy classes apart; pre-train longer, lower --lr, or "
           "smooth with --epsilon 0.001";
  }
  return "the network's outputs are finite but too large, so the learning rate is likely too high";
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
        schedule_(step_rate(phase.plan.lr, phase.plan.lr_steps)) {}

  std::vector<EpochMetrics> run() {
    ensure_writable_directory(phase_.folder);
    if (load_finished()) return history_;
    optimizer_ = make_optimizer(phase_.plan, model_.parameters());
    if (!resume()) prepare_loss();
    runner_.emplace(model_, loss_, *optimizer_, options_.cuda_graph);
    while (static_cast<int>(history_.size()) < phase_.plan.epochs) {
      run_epoch();
      save();
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
    check(static_cast<int>(history_.size()) == phase_.plan.epochs, "{}: {} epochs, expected {}",
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
    load_model(checkpoint.best, checkpoint_path());
    load_model(checkpoint.model, checkpoint_path());
    try {
      optimizer_->load_state(checkpoint.optimizer);
      loss_.load_state(checkpoint.loss);
    } catch (const Error& error) {
      fail("{}: {}", path, error.what());
    }
    history_ = std::move(checkpoint.history);
    best_ = std::move(checkpoint.best);
    progress_.note(fmt::format("{}: resumed after epoch {} of {}", phase_.label, history_.size(), phase_.plan.epochs));
    if (checkpoint.threads != options_.threads) {
      progress_.note(fmt::format("  it began with --threads {}, now {}: the last digits may differ", checkpoint.threads,
                                 options_.threads));
    }
    progress_.skip(samples_ * static_cast<int64_t>(history_.size()));
    return true;
  }

  // Shows the loss what the given weights answer for every training sample, where it asks.
  void prepare_loss() {
    if (!loss_.needs_training_outputs()) return;
    Loader loader(train_split_, loader_options(kEvaluationBatch, SamplerKind::sequential));
    try {
      const Predictions outputs = predict(model_, loader, "training");
      const NoGrad no_grad;
      loss_.prepare(outputs.logits, outputs.batch);
    } catch (const Error& error) {
      throw RunFailed(fmt::format("{}: before the first step: {}", phase_.label, error.what()));
    }
  }

  void run_epoch() {
    const auto began = std::chrono::steady_clock::now();
    EpochMetrics metrics{.epoch = static_cast<int>(history_.size())};
    metrics.lr = schedule_(metrics.epoch);
    optimizer_->set_lr(metrics.lr);
    model_.train();
    double loss_sum = 0.0;
    train_.start_epoch(phase_.first_epoch + metrics.epoch);
    while (const auto batch = train_.next()) {
      if (loss_.skips(*batch, classes_)) {
        ++metrics.skipped_batches;
      } else {
        loss_sum += train_step(*batch, metrics);
        if (unread_.size() == kMostUnread) loss_sum += read_losses();
      }
      ++metrics.batches;
      progress_.advance(batch->size());
    }
    loss_sum += read_losses();
    const int64_t taken = metrics.batches - metrics.skipped_batches;
    require(taken > 0, "{}: each of the {} batches of epoch {} lacks a class and was skipped; {}", phase_.label,
            metrics.batches, metrics.epoch + 1, kCure);
    metrics.train_loss = loss_sum / static_cast<double>(taken);
    validate(metrics);
    metrics.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    history_.push_back(metrics);
    if (best_epoch(history_, phase_.selection) == history_.size() - 1) best_ = model_.state();
    report(metrics);
  }

  // Forward, loss, backward, update, and word to the loss. Returns the loss, or 0 where read_losses will.
  double train_step(const Batch& batch, const EpochMetrics& metrics) {
    // Dropout masks are keyed by the batch's number within the phase, and pre-training's differ from fine-tuning's.
    const int64_t step = metrics.epoch * train_.batches_per_epoch() + metrics.batches;
    const Tensor loss =
        runner_->run(batch, phase_.seed, (uint64_t{phase_.is_finetuning()} << 32) + static_cast<uint64_t>(step));
    if (!runner_->refusal().empty() && !refusal_named_) {
      refusal_named_ = true;
      progress_.note(
          fmt::format("{}: steps run one by one, since they cannot be recorded: {}", phase_.label, runner_->refusal()));
    }
    const UnreadLoss mark{step, metrics.epoch + 1, metrics.batches + 1};
    double value = 0.0;
    if (runner_->replaying()) {  // nothing here waits for the device within an epoch
      keep_unread(loss, mark);
    } else {
      value = loss.item();
      check_loss(value, mark, [&] { return likely_cause(batch, runner_->logits(), loss_.name()); });
    }
    try {
      loss_.step_done(batch);
    } catch (const Error& error) {
      read_losses();  // one that is not finite is the better reason
      throw RunFailed(fmt::format("{}: after step {}: {}", phase_.label, step, error.what()));
    }
    return value;
  }

  // A step whose loss is still on the device.
  struct UnreadLoss {
    int64_t step;
    int epoch;
    int64_t batch;
  };

  template <class Cause>
  void check_loss(double value, const UnreadLoss& at, const Cause& cause) const {
    if (std::isfinite(value)) return;
    throw RunFailed(fmt::format("{}: the training loss is {} at step {} (epoch {}, batch {}); likely cause: {}",
                                phase_.label, value, at.step, at.epoch, at.batch, cause()));
  }

  void keep_unread(const Tensor& loss, const UnreadLoss& at) {
    if (!losses_.defined()) losses_ = Tensor::empty({int64_t{kMostUnread}}, loss.dtype(), loss.device());
    const size_t size = size_of(loss.dtype());
    loss.backend().copy(static_cast<std::byte*>(losses_.raw_data()) + unread_.size() * size, loss.raw_data(), size);
    unread_.push_back(at);
  }

  // The sum of the losses that have not been looked at, which waits for the device.
  double read_losses() {
    if (unread_.empty()) return 0.0;
    const std::vector<double> values = cast(losses_, DType::f64).to_vector<double>();
    double sum = 0.0;
    for (size_t i = 0; i < unread_.size(); ++i) {
      check_loss(values[i], unread_[i], [] {
        return std::string("the step was replayed, and what it worked on is gone; --cuda-graph off looks at each step");
      });
      sum += values[i];
    }
    unread_.clear();
    return sum;
  }

  void validate(EpochMetrics& metrics) {
    Predictions predictions;
    try {
      predictions = predict(model_, validation_, "validation");
    } catch (const Error& error) {
      throw RunFailed(fmt::format("{}: epoch {}: {}; the learning rate is likely too high", phase_.label,
                                  metrics.epoch + 1, error.what()));
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
                                 100.0 * share, loss_.name(), kCure));
    }
  }

  void save() {
    save_checkpoint(checkpoint_path(), {.settings = phase_.settings,
                                        .threads = options_.threads,
                                        .history = history_,
                                        .model = model_.state(),
                                        .best = best_,
                                        .optimizer = optimizer_->state(),
                                        .loss = loss_.state()});
    write_metrics(metrics_path(), history_);
  }

  // The order makes every moment a good one to stop: metrics, weights, and only then the checkpoint goes.
  void finish() {
    write_metrics(metrics_path(), history_);
    model_.load_state(best_);
    save_weights(weights_path(), {phase_.settings, best_});
    std::filesystem::remove(checkpoint_path());
  }

  static constexpr std::string_view kCure = "larger batches (--batch-size) or --sampler stratified cure it";

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
  std::vector<NamedTensor> best_;
  bool cure_named_ = false, refusal_named_ = false;
  std::optional<StepRunner> runner_;
  Tensor losses_;  // of replayed steps, on the device
  std::vector<UnreadLoss> unread_;
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
  return Trainer(phase, options, data, model, loss, progress).run();
}

}  // namespace cofactor
