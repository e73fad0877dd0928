#include "experiments/sweep/cell_runner.h"

#include <algorithm>

#include "experiments/report/run_record.h"
#include "experiments/sweep/loss_flags.h"
#include "experiments/sweep/noises.h"
#include "experiments/training/duration.h"
#include "experiments/training/evaluate.h"
#include "experiments/training/rank_steps.h"
#include "experiments/training/trainer.h"
#include "losses/dmi.h"
#include "losses/make_loss.h"

namespace cofactor {
namespace {

constexpr int64_t kTestBatch = 1000;

// Fills in a run's numbers from its training and its one test.
Result result_of(const Run& run, const std::vector<EpochMetrics>& history, const Confusion& test,
                 const NoisyData& noisy) {
  Result result = run.result;
  const std::vector<int64_t> counts = noisy.train.class_counts();
  result.test_accuracy = test.accuracy();
  result.best_permutation_accuracy = test.best_permutation_accuracy();
  result.majority_accuracy = test.constant_accuracy(std::ranges::max_element(counts) - counts.begin());
  const EpochMetrics& best = history[best_epoch(history, run.phase.selection)];
  result.valid_loss = best.valid_loss;
  result.valid_accuracy = best.valid_accuracy;
  result.epochs = static_cast<int>(history.size());
  result.best_epoch = best.epoch;
  for (const EpochMetrics& epoch : history) {
    result.skipped_batches += epoch.skipped_batches;
    result.batches += epoch.batches;
    result.seconds += epoch.seconds;
  }
  return result;
}

// Samples of `after`, in the order of `before`, that have another label.
int64_t relabelled(const Split& before, const Split& after) {
  int64_t count = 0;
  for (size_t i = 0, j = 0; j < after.indices.size(); ++i) {
    if (before.indices[i] != after.indices[j]) continue;
    if (before.labels[i] != after.labels[j++]) ++count;
  }
  return count;
}

}  // namespace

CellRunner::CellSamples CellRunner::samples_of(const Cell& cell) {
  const CrossFitting& cross = options_.cross_fitting;
  const NoisyData given = add_noise(data_.splits, noise_of(experiment_, options_, cell.noise, cell.rate), cell.seed);
  if (cross.folds == 0) return {given, {}, given};
  Folds folds = deal_folds(given, data_.folds, options_.class_names, cross.folds, cell.seed);
  if (cell.fold > 0) return {given, folds, without_fold(given, folds, cell.fold)};
  if (cross.amendment.empty()) return {given, folds, given};
  const CrossFitted found = collect_folds(options_, data_, given, folds, cell, cross.judge);
  NoisyData amended = data_.amend(given, found, cross.judge);
  progress_.note(
      fmt::format("{}: {} by the folds of {}: {} of {} training and {} of {} validation samples are left, {} "
                  "and {} of them with another label",
                  cell.label(), cross.amendment, cross.judge, amended.train.size(), given.train.size(),
                  amended.validation.size(), given.validation.size(), relabelled(given.train, amended.train),
                  relabelled(given.validation, amended.validation)));
  return {given, std::move(folds), std::move(amended)};
}

int CellRunner::run(const CellRuns& cell) {
  try {
    return run(cell, samples_of(cell.cell));
  } catch (const RunFailed& error) {
    report_failure(error);
    return 1;
  }
}

int CellRunner::run(const CellRuns& cell, const CellSamples& samples) {
  const NoisyData& noisy = samples.trained;
  const auto model = data_.make_model(cell.cell.seed, options_.trainer.device);
  model->compute_in_bf16(options_.precision == "bf16");
  if (options_.trainer.synchronise_batch_norm) model->synchronise_batch_norm(options_.trainer.ranks);
  std::vector<NamedTensor> pretrained;
  try {
    const Trained trained = train(cell.pretraining, cell.pretraining.phase, noisy, *model, cell.tests_pretraining);
    pretrained = model->state();
    reference_.clear();
    if (cell.cell.fold > 0)
      reference_ =
          predict_fold(*model, judged_by(samples.given, *samples.folds, cell.cell.fold, data_), options_.trainer, {})
              .probabilities;
    if (cell.tests_pretraining) finish(cell.pretraining, samples, *model, trained);
  } catch (const RunFailed& error) {
    report_failure(error);
    return 1;
  }
  int failed = 0;
  for (const Run& run : cell.finetuning) {
    try {
      model->load_state(pretrained);
      const Trained trained =
          run.candidates.empty() ? train(run, run.phase, noisy, *model) : search(run, noisy, *model, pretrained);
      finish(run, samples, *model, trained);
    } catch (const RunFailed& error) {
      report_failure(error);
      ++failed;
    }
  }
  return failed;
}

void CellRunner::report_failure(const Error& error) {
  progress_.failure(fmt::format("{}: {}", experiment_.table().name, error.what()));
}

CellRunner::Trained CellRunner::train(const Run& run, const Phase& phase, const NoisyData& noisy, Module& model,
                                      bool asked) {
  const auto loss = make_loss(run.method(), options_of(options_.loss, run.method()));
  check_informative(*loss, noisy, options_.class_names, phase.label);
  TrainerOptions trainer = options_.trainer;
  if (!asked) trainer.profile = nullptr;
  return {train_phase(phase, trainer, noisy, model, *loss, progress_)};
}

// Trains each candidate from the pre-trained weights, in a folder of its own, and leaves the weights and metrics of the
// one with the lowest validation loss in the model and in the run's folder. One that fails is never chosen.
CellRunner::Trained CellRunner::search(const Run& run, const NoisyData& noisy, Module& model,
                                       const std::vector<NamedTensor>& pretrained) {
  Trained best;
  std::vector<NamedTensor> weights;
  const CandidateRun* chosen = nullptr;
  double lowest = INFINITY;
  for (const CandidateRun& one : run.candidates) {
    Candidate& candidate = best.candidates.emplace_back(one.candidate);
    model.load_state(pretrained);
    try {
      std::vector<EpochMetrics> history = train(run, one.phase, noisy, model).history;
      candidate.valid_loss = history[best_epoch(history, one.phase.selection)].valid_loss;
      if (chosen != nullptr && !(candidate.valid_loss < lowest)) continue;
      chosen = &one;
      lowest = candidate.valid_loss;
      best.history = std::move(history);
      weights = model.state();
    } catch (const RunFailed& error) {
      progress_.note(fmt::format("{}; it is not a candidate any more", error.what()));
    }
  }
  if (chosen == nullptr) {
    throw RunFailed(fmt::format("{}: each of the {} candidates failed", run.phase.label, run.candidates.size()));
  }
  best.candidates[static_cast<size_t>(chosen - run.candidates.data())].chosen = true;
  progress_.note(fmt::format("{}: chosen of {}: lr {:g}, batch size {}, valid loss {:.4f}", run.phase.label,
                             run.candidates.size(), chosen->candidate.lr, chosen->candidate.batch_size, lowest));
  model.load_state(weights);
  if (writes_files(options_.trainer)) {
    write_metrics(run.phase.metrics_file(), best.history);
    save_weights(run.phase.weights_file(), {chosen->phase.settings, weights});
  }
  return best;
}

// What a fold's network says of the samples that it has not seen.
void CellRunner::judge_fold(const Run& run, const CellSamples& samples, Module& model) {
  FoldPrediction found{reference_, false};
  if (!run.is_pretraining()) {
    found = predict_fold(model, judged_by(samples.given, *samples.folds, run.cell.fold, data_), options_.trainer,
                         reference_);
  }
  const int64_t classes = samples.given.train.data->classes();
  const int64_t rows = std::ssize(found.probabilities) / classes;
  if (writes_files(options_.trainer)) write_judged(run, found.probabilities, classes);
  wait_for_rank_zero(options_.trainer.ranks);
  progress_.note(fmt::format("{}: {} samples judged{}", run.phase.label, rows,
                             found.permuted ? fmt::format("; its classes stood in another order than {}'s and were put "
                                                          "back",
                                                          kPretraining)
                                            : ""));
}

// The one test of a run, the experiment's own report and the result; of a fold, its judgement.
void CellRunner::finish(const Run& run, const CellSamples& samples, Module& model, const Trained& trained) {
  if (run.cell.fold > 0) return judge_fold(run, samples, model);
  const NoisyData& noisy = samples.trained;
  const Predictions predictions = outputs_for(data_.splits.test, model, "test");
  const Predictions validation = outputs_for(noisy.validation, model, "validation");
  if (writes_files(options_.trainer)) {
    const Confusion test = confusion(predictions);
    Result result = result_of(run, trained.history, test, noisy);
    result.search = trained.candidates;
    record_matrices(run, validation, test);
    if (data_.describe) data_.describe(run.phase.folder, run.method(), options_.precision);
    if (data_.report) report(run, samples, model, result, predictions);
    finished_(result);
    announce(result, looks_permuted(test));
  }
  wait_for_rank_zero(options_.trainer.ranks);
}

Predictions CellRunner::outputs_for(const Split& split, Module& model, std::string_view what) const {
  Loader loader(split, {.batch_size = kTestBatch,
                        .rank = rank_of(options_.trainer),
                        .ranks = ranks_of(options_.trainer),
                        .sampler = SamplerKind::sequential,
                        .last_batch = LastBatch::keep,
                        .device = options_.trainer.device,
                        .workers = options_.trainer.workers});
  return predict(model, loader, what, options_.trainer.ranks);
}

void CellRunner::report(const Run& run, const CellSamples& samples, Module& model, const Result& result,
                        const Predictions& test) {
  std::optional<CrossFitted> folds;
  if (samples.folds) folds = collect_folds(options_, data_, samples.given, *samples.folds, run.cell, run.method());
  data_.report({.result = result,
                .model = model,
                .noisy = samples.given,
                .test = test,
                .folds = folds ? &*folds : nullptr,
                .device = options_.trainer.device,
                .workers = options_.trainer.workers,
                .folder = run.phase.folder,
                .progress = progress_});
}

// U of the selected weights on the noisy validation set, the T that made its labels, and what the test found.
void CellRunner::record_matrices(const Run& run, const Predictions& validation, const Confusion& test) {
  const Tensor joint = joint_matrix(validation.logits, validation.batch.labels);
  RunMatrices matrices{.joint = rows_of(joint.to_vector<double>()), .transition = {}};
  for (int64_t label = 0; label < test.classes; ++label) {
    std::vector<double>& row = matrices.counts.emplace_back();
    for (int64_t predicted = 0; predicted < test.classes; ++predicted)
      row.push_back(static_cast<double>(test.at(predicted, label)));
  }
  if (run.cell.noise != kNoNoise) {
    matrices.transition = rows_of(noise_of(experiment_, options_, run.cell.noise, run.cell.rate).values());
  }
  write_matrices(run.phase.folder, matrices);
}

void CellRunner::announce(const Result& result, bool permuted) {
  progress_.note(fmt::format("{}: test accuracy {:.2f}% (epoch {} of {}, valid loss {:.4f}), {}", result.label(),
                             result.test_accuracy, result.best_epoch + 1, result.epochs, result.valid_loss,
                             format_duration(result.seconds)));
  if (!permuted) return;
  const bool expected = !make_loss(result.method, options_of(options_.loss, result.method))->depends_on_class_order();
  progress_.note(fmt::format("  its classes look permuted: renamed, the same outputs reach {:.2f}%{}",
                             result.best_permutation_accuracy,
                             expected ? fmt::format("; {} does not depend on class order", result.method) : ""));
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

void check_informative(const Loss& loss, const NoisyData& data, const std::vector<std::string>& class_names,
                       const std::string& label) {
  for (const auto& [name, split] : {std::pair{"training", &data.train}, std::pair{"validation", &data.validation}}) {
    Batch all;
    all.host_labels = split->labels;
    if (!loss.skips(all, split->data->classes())) continue;
    const std::vector<int64_t> counts = split->class_counts();
    const auto absent = static_cast<size_t>(std::ranges::find(counts, 0) - counts.begin());
    throw RunFailed(
        fmt::format("{}: none of the {} {} samples has the noisy label '{}', so the labels carry no signal for {}",
                    label, split->size(), name, class_names.at(absent), loss.name()));
  }
}

}  // namespace cofactor
