#include "experiments/sweep/cell_runner.h"

#include <algorithm>

#include "experiments/sweep/noises.h"
#include "experiments/sweep/version.h"
#include "losses/make_loss.h"

namespace cofactor {
namespace {

constexpr int64_t kTestBatch = 1000;

Selection selection_of(std::string_view method) {
  return method == "ce" ? Selection::validation_accuracy : Selection::validation_loss;
}

}  // namespace

Result blank_result(const Experiment& experiment, const RunOptions& options, const ExperimentData& data,
                    const Cell& cell, const std::string& method) {
  Result result;
  result.experiment = experiment.name;
  result.noise = cell.noise;
  result.rate = cell.rate;
  result.method = method;
  result.seed = cell.seed;
  result.device = std::string(name_of(options.device));
  result.precision = options.precision;
  result.threads = options.threads;
  result.version = version();
  result.settings = result_settings_of(experiment, options, cell, method, data);
  return result;
}

int64_t samples_of(const Experiment& experiment, const RunOptions& options, const ExperimentData& data,
                   const std::vector<std::string>& methods) {
  const auto candidates = static_cast<int64_t>(options.search ? candidates_of(*options.search).size() : 1);
  int64_t epochs = plan_of(experiment, options, "ce").epochs;
  for (const std::string& method : methods) {
    if (method != "ce") epochs += candidates * plan_of(experiment, options, method).epochs;
  }
  return epochs * data.splits.train.size();
}

int CellRunner::run(const Cell& cell, const std::vector<std::string>& methods) {
  const NoisyData noisy = add_noise(data_.splits, noise_of(experiment_, options_, cell.noise, cell.rate), cell.seed);
  const auto model = data_.make_model(cell.seed, options_.device);
  model->compute_in_bf16(options_.precision == "bf16");
  int failed = 0;
  std::vector<NamedTensor> pretrained;
  const bool ready = guarded(failed, [&] {
    const Trained trained{train(phase_of(cell, "ce"), "ce", noisy, *model), {}};
    pretrained = model->state();
    if (methods.front() == "ce") finish(cell, "ce", noisy, *model, trained);
  });
  if (!ready) return failed;
  for (const std::string& method : methods) {
    if (method == "ce") continue;
    guarded(failed, [&] {
      if (options_.search) {
        finish(cell, method, noisy, *model, search(cell, method, noisy, *model, pretrained));
      } else {
        model->load_state(pretrained);
        const Trained trained{train(phase_of(cell, method), method, noisy, *model), {}};
        finish(cell, method, noisy, *model, trained);
      }
    });
  }
  return failed;
}

bool CellRunner::guarded(int& failed, const std::function<void()>& run) {
  try {
    run();
    return true;
  } catch (const RunFailed& error) {
    progress_.failure(fmt::format("{}: {}", experiment_.name, error.what()));
    ++failed;
    return false;
  }
}

Phase CellRunner::phase_of(const Cell& cell, const std::string& method) const {
  return {.label = fmt::format("{}, {}", cell.label(), method),
          .settings = settings_of(experiment_, options_, cell, method, data_),
          .folder = options_.out / cell.folder() / method,
          .plan = plan_of(experiment_, options_, method),
          .selection = selection_of(method),
          .seed = cell.seed,
          .first_epoch = method == "ce" ? 0 : plan_of(experiment_, options_, "ce").epochs};
}

std::vector<EpochMetrics> CellRunner::train(const Phase& phase, const std::string& method, const NoisyData& noisy,
                                            Module& model) {
  const auto loss = make_loss(method, options_.loss);
  check_informative(*loss, noisy, experiment_, phase.label);
  return train_phase(phase, options_, noisy, model, *loss, progress_);
}

// Trains each candidate from the pre-trained weights, in a folder of its own, and leaves the weights and metrics of the
// one with the lowest validation loss in the model and in the method's folder. One that fails is never chosen.
CellRunner::Trained CellRunner::search(const Cell& cell, const std::string& method, const NoisyData& noisy,
                                       Module& model, const std::vector<NamedTensor>& pretrained) {
  const Phase whole = phase_of(cell, method);
  Trained best;
  std::vector<Candidate> candidates = candidates_of(*options_.search);
  std::vector<NamedTensor> weights;
  std::string settings;
  size_t chosen = candidates.size();
  for (size_t i = 0; i < candidates.size(); ++i) {
    Candidate& candidate = candidates[i];
    Phase phase = whole;
    phase.plan = with_candidate(phase.plan, candidate);
    phase.label += fmt::format(", lr {:g}, batch size {}", candidate.lr, candidate.batch_size);
    phase.folder /= fmt::format("search-lr{}-batch{}", candidate.lr, candidate.batch_size);
    phase.settings = settings_of(experiment_, options_, cell, method, data_, phase.plan);
    model.load_state(pretrained);
    try {
      const std::vector<EpochMetrics> history = train(phase, method, noisy, model);
      candidate.valid_loss = history[best_epoch(history, phase.selection)].valid_loss;
      if (chosen < candidates.size() && !(candidate.valid_loss < candidates[chosen].valid_loss)) continue;
      chosen = i;
      best.history = history;
      weights = model.state();
      settings = phase.settings;
    } catch (const RunFailed& error) {
      progress_.note(fmt::format("{}; it is no candidate any more", error.what()));
    }
  }
  if (chosen == candidates.size()) {
    throw RunFailed(fmt::format("{}: each of the {} candidates failed", whole.label, candidates.size()));
  }
  candidates[chosen].chosen = true;
  progress_.note(fmt::format("{}: chosen of {}: lr {:g}, batch size {}, valid loss {:.4f}", whole.label,
                             candidates.size(), candidates[chosen].lr, candidates[chosen].batch_size,
                             candidates[chosen].valid_loss));
  model.load_state(weights);
  write_metrics(whole.folder / "metrics.jsonl", best.history);
  save_weights(whole.folder / "weights.safetensors", {settings, weights});
  best.candidates = std::move(candidates);
  return best;
}

// The one test of a run, and its line.
void CellRunner::finish(const Cell& cell, const std::string& method, const NoisyData& noisy, Module& model,
                        const Trained& trained) {
  Loader loader(data_.splits.test, {.batch_size = kTestBatch,
                                    .sampler = SamplerKind::sequential,
                                    .last_batch = LastBatch::keep,
                                    .device = options_.device,
                                    .workers = options_.workers});
  const Predictions predictions = predict(model, loader, "test");
  const Confusion test = confusion(predictions);
  const std::vector<int64_t> counts = noisy.train.class_counts();
  const EpochMetrics& best = trained.history[best_epoch(trained.history, selection_of(method))];
  Result result = blank_result(experiment_, options_, data_, cell, method);
  result.test_accuracy = test.accuracy();
  result.best_permutation_accuracy = test.best_permutation_accuracy();
  result.majority_accuracy = test.constant_accuracy(std::ranges::max_element(counts) - counts.begin());
  result.valid_loss = best.valid_loss;
  result.valid_accuracy = best.valid_accuracy;
  result.epochs = static_cast<int>(trained.history.size());
  result.best_epoch = best.epoch;
  result.search = trained.candidates;
  for (const EpochMetrics& epoch : trained.history) {
    result.skipped_batches += epoch.skipped_batches;
    result.batches += epoch.batches;
    result.seconds += epoch.seconds;
  }
  if (data_.report)
    data_.report({result, model, noisy, predictions, options_, phase_of(cell, method).folder, progress_});
  finished_(result);
  announce(result, looks_permuted(test));
}

void CellRunner::announce(const Result& result, bool permuted) {
  progress_.note(fmt::format("{}: test accuracy {:.2f}% (epoch {} of {}, valid loss {:.4f}), {}", result.label(),
                             result.test_accuracy, result.best_epoch + 1, result.epochs, result.valid_loss,
                             format_duration(result.seconds)));
  if (permuted) {
    progress_.note(fmt::format("  its classes look permuted: renamed, the same outputs reach {:.2f}%{}",
                               result.best_permutation_accuracy,
                               result.method == "dmi" ? "; the determinant does not know class order" : ""));
  }
}

NoisyData add_noise(const DataSplits& data, const Transition& transition, uint64_t seed) {
  NoisyData noisy{data.train, data.validation};
  // Training and validation may be different data sets with the same places: each has draws of its own.
  uint32_t index = 0;
  for (Split* split : {&noisy.train, &noisy.validation}) {
    const RandomKey key{.seed = seed, .purpose = Purpose::labels, .index = index++};
    split->labels = transition.draw_labels(split->labels, split->indices, key);
  }
  return noisy;
}

void check_informative(const Loss& loss, const NoisyData& data, const Experiment& experiment,
                       const std::string& label) {
  for (const auto& [name, split] : {std::pair{"training", &data.train}, std::pair{"validation", &data.validation}}) {
    Batch all;
    all.host_labels = split->labels;
    if (!loss.skips(all, split->data->classes())) continue;
    const std::vector<int64_t> counts = split->class_counts();
    const auto absent = static_cast<size_t>(std::ranges::find(counts, 0) - counts.begin());
    throw RunFailed(
        fmt::format("{}: none of the {} {} samples carries the noisy label '{}', so there is nothing to "
                    "learn from for {}",
                    label, split->size(), name, experiment.class_names.at(absent), loss.name()));
  }
}

}  // namespace cofactor
