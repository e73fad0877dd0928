#include "experiments/training/phase_files.h"

#include <algorithm>

#include "engine/io/file.h"
#include "experiments/training/run_settings.h"

namespace cofactor {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr double kSavingShare = 0.05;  // the largest share of the time that goes into checkpoints within an epoch

std::chrono::steady_clock::duration in_ticks(Seconds seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(seconds);
}

}  // namespace

PhaseFiles::PhaseFiles(const Phase& phase, const TrainerOptions& options, Module& model, Loss& loss, Progress& progress)
    : phase_(phase), options_(options), model_(model), loss_(loss), progress_(progress) {
  ensure_writable_directory(phase_.folder);
}

bool PhaseFiles::load_finished(PhaseState& state) {
  const std::filesystem::path path = phase_.weights_file();
  if (!std::filesystem::exists(path)) return false;
  const Weights weights = load_weights(path);
  check_same_settings(weights.settings, phase_.settings, path.string());
  load_model(weights.tensors, path);
  state.history = read_metrics(phase_.metrics_file());
  check(static_cast<int>(state.history.size()) == phase_.plan.epochs, "{}: number of epochs {}, expected {}",
        phase_.metrics_file().string(), state.history.size(), phase_.plan.epochs);
  std::filesystem::remove(phase_.checkpoint_file());
  return true;
}

void PhaseFiles::load_model(const std::vector<NamedTensor>& state, const std::filesystem::path& path) {
  try {
    model_.load_state(state);
  } catch (const Error& error) {
    fail("{}: {}", path.string(), error.what());
  }
}

bool PhaseFiles::resume(Optimizer& optimizer, int64_t batches_per_epoch, PhaseState& state) {
  const std::filesystem::path file = phase_.checkpoint_file();
  if (!std::filesystem::exists(file)) return false;
  const std::string path = file.string();
  Checkpoint checkpoint = load_checkpoint(file, options_.device);
  check_same_settings(checkpoint.settings, phase_.settings, path);
  // The best weights go through the model too, so that a file that does not fit is found now and not at the end.
  if (!checkpoint.history.empty()) load_model(checkpoint.best, file);
  load_model(checkpoint.model, file);
  try {
    optimizer.load_state(checkpoint.optimizer);
    loss_.load_state(checkpoint.loss);
  } catch (const Error& error) {
    fail("{}: {}", path, error.what());
  }
  state.history = std::move(checkpoint.history);
  state.best = std::move(checkpoint.best);
  state.partial = checkpoint.partial.value_or(PartialEpoch{});
  check(state.partial.batches <= batches_per_epoch, "{}: batch {} of an epoch of {}", path, state.partial.batches,
        batches_per_epoch);
  progress_.note(
      fmt::format("{}: resumed {}", phase_.label, describe_place(state, phase_.plan.epochs, batches_per_epoch)));
  if (checkpoint.threads != options_.threads) {
    progress_.note(fmt::format("  it began with --threads {} and continues with {}: the last digits may differ",
                               checkpoint.threads, options_.threads));
  }
  return true;
}

bool PhaseFiles::is_due() const {
  return interval() > Seconds(0) && Clock::now() >= next_save_;
}

void PhaseFiles::start_clock() {
  next_save_ = Clock::now() + in_ticks(interval());
}

void PhaseFiles::save(const Optimizer& optimizer, const PhaseState& state) {
  const auto began = Clock::now();
  Checkpoint checkpoint{.settings = phase_.settings,
                        .threads = options_.threads,
                        .history = state.history,
                        .model = model_.state(),
                        .best = state.best,
                        .optimizer = optimizer.state(),
                        .loss = loss_.state()};
  if (state.partial.batches > 0) checkpoint.partial = state.partial;
  save_checkpoint(phase_.checkpoint_file(), checkpoint);
  if (!checkpoint.partial) write_metrics(phase_.metrics_file(), state.history);
  const Clock::time_point ended = Clock::now();
  next_save_ = ended + in_ticks(std::max(interval(), Seconds(ended - began) / kSavingShare));
}

void PhaseFiles::finish(const PhaseState& state) {
  write_metrics(phase_.metrics_file(), state.history);
  model_.load_state(state.best);
  save_weights(phase_.weights_file(), {phase_.settings, state.best});
  std::filesystem::remove(phase_.checkpoint_file());
}

std::string describe_place(const PhaseState& state, int epochs, int64_t batches_per_epoch) {
  if (state.partial.batches == 0) return fmt::format("after epoch {} of {}", state.history.size(), epochs);
  return fmt::format("in epoch {} of {}, after batch {} of {}", state.history.size() + 1, epochs, state.partial.batches,
                     batches_per_epoch);
}

}  // namespace cofactor
