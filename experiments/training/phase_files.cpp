#include "experiments/training/phase_files.h"

#include <algorithm>

#include "engine/io/file.h"
#include "experiments/training/rank_steps.h"
#include "experiments/training/run_settings.h"

namespace cofactor {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr double kSavingShare = 0.05;  // the largest share of the time that goes into checkpoints within an epoch

std::string count_ranks(int ranks) {
  return ranks == 1 ? "1 process" : fmt::format("{} ranks", ranks);
}

std::chrono::steady_clock::duration in_ticks(Seconds seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(seconds);
}

}  // namespace

PhaseFiles::PhaseFiles(const Phase& phase, const TrainerOptions& options, Module& model, Loss& loss, Progress& progress)
    : phase_(phase), options_(options), model_(model), loss_(loss), progress_(progress) {
  if (writes_files(options)) ensure_writable_directory(phase_.folder);
}

bool PhaseFiles::load_finished(PhaseState& state) {
  const std::filesystem::path path = phase_.weights_file();
  const auto contents = read_if_there(path, options_.ranks);
  if (!contents) return false;
  const Weights weights = parse_weights(*contents, path);
  check_same_settings(weights.settings, phase_.settings, path.string());
  load_model(weights.tensors, path);
  const auto metrics = read_if_there(phase_.metrics_file(), options_.ranks);
  check(metrics.has_value(), "{}: not there, but {} is", phase_.metrics_file().string(), path.string());
  state.history = parse_metrics(*metrics, phase_.metrics_file());
  check(static_cast<int>(state.history.size()) == phase_.plan.epochs, "{}: number of epochs {}, expected {}",
        phase_.metrics_file().string(), state.history.size(), phase_.plan.epochs);
  if (writes_files(options_)) std::filesystem::remove(phase_.checkpoint_file());
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
  const auto contents = read_if_there(file, options_.ranks);
  if (!contents) return false;
  const std::string path = file.string();
  Checkpoint checkpoint = parse_checkpoint(*contents, file, options_.device);
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
  if (const int ranks = ranks_of(options_); checkpoint.ranks != ranks) {
    progress_.note(
        fmt::format("  its batches were shared by {} and are now by {}: the result differs from that of "
                    "either alone, by rounding and by what batch norm sees",
                    count_ranks(checkpoint.ranks), count_ranks(ranks)));
  }
  return true;
}

bool PhaseFiles::is_due() const {
  return interval() > Seconds(0) && Clock::now() >= next_save_;
}

void PhaseFiles::start_clock() {
  next_save_ = Clock::now() + in_ticks(interval());
}

// All ranks call it, since a loss may keep a part of its state on each.
void PhaseFiles::save(const Optimizer& optimizer, const PhaseState& state) {
  const auto began = Clock::now();
  Checkpoint checkpoint{.settings = phase_.settings,
                        .threads = options_.threads,
                        .ranks = ranks_of(options_),
                        .history = state.history,
                        .model = model_.state(),
                        .best = state.best,
                        .optimizer = optimizer.state(),
                        .loss = loss_.state()};
  if (state.partial.batches > 0) checkpoint.partial = state.partial;
  if (writes_files(options_)) {
    save_checkpoint(phase_.checkpoint_file(), checkpoint);
    if (!checkpoint.partial) write_metrics(phase_.metrics_file(), state.history);
  }
  wait_for_rank_zero(options_.ranks);
  const Clock::time_point ended = Clock::now();
  next_save_ = ended + in_ticks(std::max(interval(), Seconds(ended - began) / kSavingShare));
}

void PhaseFiles::finish(const PhaseState& state) {
  model_.load_state(state.best);
  if (writes_files(options_)) {
    write_metrics(phase_.metrics_file(), state.history);
    save_weights(phase_.weights_file(), {phase_.settings, state.best});
    std::filesystem::remove(phase_.checkpoint_file());
  }
  wait_for_rank_zero(options_.ranks);
}

std::string describe_place(const PhaseState& state, int epochs, int64_t batches_per_epoch) {
  if (state.partial.batches == 0) return fmt::format("after epoch {} of {}", state.history.size(), epochs);
  return fmt::format("in epoch {} of {}, after batch {} of {}", state.history.size() + 1, epochs, state.partial.batches,
                     batches_per_epoch);
}

}  // namespace cofactor
