#include "experiments/protocol.h"

#include <algorithm>
#include <cmath>

#include "experiments/evaluate.h"
#include "experiments/figure.h"
#include "experiments/report.h"
#include "experiments/results.h"
#include "experiments/version.h"
#include "losses/make_loss.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kTestBatch = 1000;
constexpr double kSingular = 1e-12;  // |det T| below this is rounding

// Files that a killed process was writing: nobody else writes here while the lock is held.
void remove_leftovers(const fs::path& directory) {
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && name.starts_with(".") && name.ends_with(".tmp")) leftovers.push_back(entry.path());
  }
  for (const fs::path& path : leftovers) fs::remove(path);
}

class Sweep {
 public:
  Sweep(const Experiment& experiment, const RunOptions& options, DataSplits data)
      : experiment_(experiment),
        options_(options),
        data_(std::move(data)),
        lock_(options.out),
        results_path_(options.out / "results.jsonl") {
    remove_leftovers(options.out);
    if (!fs::exists(results_path_)) return;
    ResultsFile file = read_results(results_path_);
    if (!file.cut_short.empty()) fmt::print(stderr, "{}: {}\n", experiment.name, file.cut_short);
    results_ = std::move(file.results);
  }

  int run() {
    const auto todo = plan();
    Progress progress(samples_of(todo));
    progress.note(fmt::format("{}: device {}, {}, --threads {}; {} training, {} validation, {} test samples; {}",
                              experiment_.name, options_.device, options_.precision, options_.threads,
                              data_.train.size(), data_.validation.size(), data_.test.size(), options_.out.string()));
    int failed = 0;
    for (const auto& [cell, methods] : todo) failed += run_cell(cell, methods, progress);
    progress.note("");
    report(progress);
    if (failed > 0) fmt::print(stderr, "{}: {} failed, see above\n", experiment_.name, failed == 1 ? "a run" : "runs");
    return failed == 0 && drawn_ ? 0 : 1;
  }

 private:
  struct Todo {
    Cell cell;
    std::vector<std::string> methods;  // without a result so far, ce first
  };

  // What has no result yet, by cell. Throws Error where a result was made with other settings.
  std::vector<Todo> plan() const {
    std::vector<Todo> todo;
    for (const std::string& noise : options_.noises) {
      for (const double rate : options_.rates) {
        for (const uint64_t seed : options_.seeds) {
          Todo item{{noise, rate, seed}, {}};
          for (const std::string& method : experiment_.methods()) {
            if (std::ranges::find(options_.methods, method) == options_.methods.end()) continue;
            if (!is_finished(item.cell, method)) item.methods.push_back(method);
          }
          if (!item.methods.empty()) todo.push_back(item);
        }
      }
    }
    return todo;
  }

  bool is_finished(const Cell& cell, const std::string& method) const {
    Result wanted = blank(cell, method);
    for (const Result& result : results_) {
      if (result.key() != wanted.key()) continue;
      check_same_settings(result.settings, wanted.settings,
                          fmt::format("{}: the result of {}", results_path_.string(), wanted.label()));
      return true;
    }
    return false;
  }

  int64_t samples_of(const std::vector<Todo>& todo) const {
    int64_t epochs = 0;
    for (const auto& [cell, methods] : todo) {
      epochs += plan_of(experiment_, options_, "ce").epochs;
      for (const std::string& method : methods) {
        if (method != "ce") epochs += plan_of(experiment_, options_, method).epochs;
      }
    }
    return epochs * data_.train.size();
  }

  // Returns how many runs failed. Those that follow from a failed pre-training count as one.
  int run_cell(const Cell& cell, const std::vector<std::string>& methods, Progress& progress) {
    const NoisyData noisy = add_noise(data_, experiment_.transition(cell.noise, cell.rate), cell.seed);
    const auto model = experiment_.make_model(cell.seed, options_.device);
    int failed = 0;
    const auto guarded = [&](const auto& run) {
      try {
        run();
        return true;
      } catch (const RunFailed& error) {
        progress.note("");
        fmt::print(stderr, "{}: {}\n", experiment_.name, error.what());
        ++failed;
        return false;
      }
    };
    std::vector<NamedTensor> pretrained;
    const bool ready = guarded([&] {
      const auto history = train(cell, "ce", noisy, *model, progress);
      pretrained = model->state();
      if (methods.front() == "ce") finish(cell, "ce", noisy, *model, history, progress);
    });
    if (!ready) return failed;
    for (const std::string& method : methods) {
      if (method == "ce") continue;
      guarded([&] {
        model->load_state(pretrained);
        const auto history = train(cell, method, noisy, *model, progress);
        finish(cell, method, noisy, *model, history, progress);
      });
    }
    return failed;
  }

  std::vector<EpochMetrics> train(const Cell& cell, const std::string& method, const NoisyData& noisy, Module& model,
                                  Progress& progress) const {
    const bool pretraining = method == "ce";
    Phase phase{.label = fmt::format("{}, {}", cell.label(), method),
                .settings = settings_of(experiment_, options_, cell, method, data_),
                .folder = options_.out / cell.folder() / method,
                .plan = plan_of(experiment_, options_, method),
                .selection = selection_of(method),
                .seed = cell.seed,
                .first_epoch = pretraining ? 0 : plan_of(experiment_, options_, "ce").epochs};
    const auto loss = make_loss(method, options_.loss);
    check_teachable(*loss, noisy, experiment_, phase.label);
    return train_phase(phase, options_, noisy, model, *loss, progress);
  }

  static Selection selection_of(std::string_view method) {
    return method == "ce" ? Selection::validation_accuracy : Selection::validation_loss;
  }

  // The one test of a run, and its line.
  void finish(const Cell& cell, const std::string& method, const NoisyData& noisy, Module& model,
              const std::vector<EpochMetrics>& history, Progress& progress) {
    Loader loader(data_.test, {.batch_size = kTestBatch,
                               .sampler = SamplerKind::sequential,
                               .last_batch = LastBatch::keep,
                               .device = options_.device,
                               .workers = options_.workers});
    const Confusion test = confusion(predict(model, loader, "test"));
    const std::vector<int64_t> counts = noisy.train.class_counts();
    const EpochMetrics& best = history[best_epoch(history, selection_of(method))];
    Result result = blank(cell, method);
    result.test_accuracy = test.accuracy();
    result.best_permutation_accuracy = test.best_permutation_accuracy();
    result.majority_accuracy = test.constant_accuracy(std::ranges::max_element(counts) - counts.begin());
    result.valid_loss = best.valid_loss;
    result.valid_accuracy = best.valid_accuracy;
    result.epochs = static_cast<int>(history.size());
    result.best_epoch = best.epoch;
    for (const EpochMetrics& epoch : history) {
      result.skipped_batches += epoch.skipped_batches;
      result.batches += epoch.batches;
      result.seconds += epoch.seconds;
    }
    append_result(results_path_, result);
    results_.push_back(result);
    announce(result, looks_permuted(test), progress);
  }

  static void announce(const Result& result, bool permuted, Progress& progress) {
    progress.note(fmt::format("{}: test accuracy {:.2f}% (epoch {} of {}, valid loss {:.4f}), {}", result.label(),
                              result.test_accuracy, result.best_epoch + 1, result.epochs, result.valid_loss,
                              format_duration(result.seconds)));
    if (permuted) {
      progress.note(fmt::format("  its classes look permuted: renamed, the same outputs reach {:.2f}%{}",
                                result.best_permutation_accuracy,
                                result.method == "dmi" ? "; the determinant does not know class order" : ""));
    }
  }

  // The table, and the figure. Where the figure fails the results stay, and so does everything else.
  void report(Progress& progress) {
    const std::vector<Summary> summaries = aggregate(results_);
    if (summaries.empty()) return;
    progress.note(format_table(summaries));
    try {
      for (const fs::path& file : draw_figures(summaries, options_.out)) progress.note(file.string());
    } catch (const Error& error) {
      drawn_ = false;
      fmt::print(stderr, "{}: the results are in {}, but the figure was not drawn: {}\n", experiment_.name,
                 results_path_.string(), error.what());
    }
  }

  // A result's key, settings and machine, without its numbers.
  Result blank(const Cell& cell, const std::string& method) const {
    Result result;
    result.experiment = experiment_.name;
    result.noise = cell.noise;
    result.rate = cell.rate;
    result.method = method;
    result.seed = cell.seed;
    result.device = std::string(name_of(options_.device));
    result.precision = options_.precision;
    result.threads = options_.threads;
    result.version = version();
    result.settings = settings_of(experiment_, options_, cell, method, data_);
    return result;
  }

  const Experiment& experiment_;
  const RunOptions& options_;
  DataSplits data_;
  DirectoryLock lock_;
  fs::path results_path_;
  std::vector<Result> results_;
  bool drawn_ = true;
};

}  // namespace

int run_experiment(const Experiment& experiment, int argc, const char* const* argv) {
  const auto options = parse_options(experiment, argc, argv);
  if (!options) return 0;
  check_feasible(experiment, *options);
  set_num_threads(options->threads);
  return Sweep(experiment, *options, limited(experiment.load(options->data), *options)).run();
}

void check_feasible(const Experiment& experiment, const RunOptions& options) {
  if (std::ranges::find(options.methods, "dmi") == options.methods.end()) return;
  const auto classes = static_cast<int64_t>(experiment.class_names.size());
  const int64_t batch_size = plan_of(experiment, options, "dmi").batch_size;
  if (batch_size < classes) {
    throw UsageError(
        fmt::format("--batch-size {}: dmi needs every class in a batch, and there are {}", batch_size, classes));
  }
  for (const std::string& noise : options.noises) {
    for (const double rate : options.rates) {
      if (std::abs(experiment.transition(noise, rate).determinant()) > kSingular) continue;
      throw UsageError(
          fmt::format("--rate {:g} with --noise {}: the transition matrix is singular, so the noisy labels "
                      "do not tell the classes apart and dmi's loss is infinite for every network; leave "
                      "out the rate or the method",
                      rate, noise));
    }
  }
}

DataSplits limited(DataSplits data, const RunOptions& options) {
  if (!options.limit) return data;
  if (*options.limit > data.train.size()) {
    throw UsageError(fmt::format("--limit {}: there are {} training samples", *options.limit, data.train.size()));
  }
  data.train.indices.resize(static_cast<size_t>(*options.limit));
  data.train.labels.resize(static_cast<size_t>(*options.limit));
  return data;
}

NoisyData add_noise(const DataSplits& data, const TransitionMatrix& transition, uint64_t seed) {
  NoisyData noisy{data.train, data.validation};
  // Training and validation may be different data sets with the same places: each has draws of its own.
  uint32_t index = 0;
  for (Split* split : {&noisy.train, &noisy.validation}) {
    const RandomKey key{.seed = seed, .purpose = Purpose::labels, .index = index++};
    split->labels = apply_noise(transition, split->labels, split->indices, key);
  }
  return noisy;
}

void check_teachable(const Loss& loss, const NoisyData& data, const Experiment& experiment, const std::string& label) {
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
