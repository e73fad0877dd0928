#include "experiments/sweep/protocol.h"

#include <algorithm>
#include <cmath>

#include "engine/device_features.h"
#include "experiments/report/figure.h"
#include "experiments/report/results.h"
#include "experiments/report/summary.h"
#include "experiments/sweep/batch_check.h"
#include "experiments/sweep/cell_runner.h"
#include "experiments/sweep/inputs.h"
#include "experiments/sweep/jobs.h"
#include "experiments/sweep/noises.h"
#include "experiments/sweep/prior_runs.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

constexpr double kSingular = 1e-12;  // |det T| below this is rounding

// The first `limit` samples.
void cut(Split& split, int64_t limit, std::string_view flag, std::string_view what) {
  if (limit > split.size()) usage("{} {}: there are {} {} samples", flag, limit, split.size(), what);
  split.indices.resize(static_cast<size_t>(limit));
  split.labels.resize(static_cast<size_t>(limit));
}

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
  Sweep(const Experiment& experiment, const RunOptions& options, ExperimentData data)
      : experiment_(experiment),
        options_(options),
        data_(std::move(data)),
        lock_(options.out),
        results_path_(options.out / "results.jsonl") {
    remove_leftovers(options.out);
    if (!fs::exists(results_path_)) return;
    ResultsFile file = read_results(results_path_);
    if (!file.cut_short.empty()) print_error(fmt::format("{}: {}", experiment.name, file.cut_short));
    results_ = std::move(file.results);
  }

  int run(const std::vector<std::string>& command) {
    PriorRuns prior(experiment_, options_, data_, results_);
    const std::vector<CellTodo> todo = plan(prior);
    prepare(prior, todo);
    int64_t samples = 0;
    for (const CellTodo& item : todo) samples += samples_of(experiment_, options_, data_, item.methods);
    ConsoleProgress progress(samples);
    greet(progress);
    for (const std::string& note : prior.notes()) progress.note(note);
    const auto keep = [this](const Result& result) {
      append_result(results_path_, result);
      results_.push_back(result);
    };
    int failed = 0;
    if (options_.jobs > 1) {
      failed = run_jobs(options_, todo, command, lock_, progress, keep);
    } else {
      CellRunner runner(experiment_, options_, data_, progress, keep);
      for (const CellTodo& item : todo) failed += runner.run(item.cell, item.methods);
    }
    progress.note("");
    report(progress);
    if (failed > 0)
      print_error(fmt::format("{}: {} failed, see above", experiment_.name, failed == 1 ? "a run" : "runs"));
    return failed == 0 ? 0 : 1;
  }

 private:
  void greet(Progress& progress) const {
    const DataSplits& splits = data_.splits;
    progress.note(fmt::format("{}: device {}, {}, --threads {}; {} training, {} validation, {} test samples; {}",
                              experiment_.name, options_.device, options_.precision, options_.threads,
                              splits.train.size(), splits.validation.size(), splits.test.size(),
                              options_.out.string()));
    if (options_.precision == "bf16") {
      if (const std::string note = features_of(options_.device).bf16_note(); !note.empty()) progress.note(note);
    }
    for (const std::string& note : data_.notes) progress.note(note);
    if (options_.jobs == 1) return;
    progress.note(fmt::format("{} cells at once, each in a process with --threads {}{}", options_.jobs,
                              threads_per_job(options_),
                              options_.jobs > options_.threads ? ": there are more of them than threads" : ""));
  }

  // What has no result yet, by cell. Throws Error where a result was made with other settings.
  std::vector<CellTodo> plan(PriorRuns& prior) const {
    std::vector<CellTodo> todo;
    for (const std::string& noise : options_.noises) {
      for (const double rate : rates_of(options_, noise)) {
        for (const uint64_t seed : options_.seeds) {
          CellTodo item{{noise, rate, seed}, {}, inputs_text(data_.inputs)};
          for (const std::string& method : experiment_.methods()) {
            if (std::ranges::find(options_.methods, method) == options_.methods.end()) continue;
            if (!prior.is_finished(item.cell, method)) item.methods.push_back(method);
          }
          if (!item.methods.empty()) todo.push_back(item);
        }
      }
    }
    return todo;
  }

  // Folders to train in, and a note of what is trained on, so that a later start can say what has changed.
  void prepare(PriorRuns& prior, const std::vector<CellTodo>& todo) const {
    for (const CellTodo& item : todo) {
      prior.make_way(item.cell, "ce");
      for (const std::string& method : item.methods) {
        if (method != "ce") prior.make_way(item.cell, method);
      }
    }
    if (todo.empty()) return;
    write_input_record(options_.out, experiment_, data_, settings_of(experiment_, options_, todo[0].cell, "ce", data_),
                       prior.test_changed());
  }

  // The table, and the figure. Where the figure fails the results stay, and so does everything else.
  void report(Progress& progress) {
    const std::vector<Summary> summaries = aggregate(comparable_results(progress));
    if (summaries.empty()) return;
    progress.note(format_table(summaries));
    try {
      for (const fs::path& file : draw_figures(summaries, options_.out)) progress.note(file.string());
    } catch (const std::exception& error) {
      print_error(fmt::format("{}: warning: the results are in {}, but the figure was not drawn: {}", experiment_.name,
                              results_path_.string(), message_of(error)));
    }
  }

  // The newest result of each run, without those of other data than this sweep's.
  std::vector<Result> comparable_results(Progress& progress) const {
    std::vector<Result> all = newest_of(results_);
    const std::string here = result_settings_of(experiment_, options_, {}, "ce", data_);
    const auto left_out = std::erase_if(all, [&](const Result& result) {
      const Inputs inputs = compare_inputs(result.settings, here);
      return result.experiment == experiment_.name && (inputs == Inputs::other || inputs == Inputs::other_test);
    });
    if (left_out > 0) {
      progress.note(fmt::format("{} of other data {} left out of the table: asked for again, {} made anew",
                                left_out == 1 ? "1 result" : fmt::format("{} results", left_out),
                                left_out == 1 ? "is" : "are", left_out == 1 ? "it is" : "they are"));
    }
    return all;
  }

  const Experiment& experiment_;
  const RunOptions& options_;
  ExperimentData data_;
  DirectoryLock lock_;
  fs::path results_path_;
  std::vector<Result> results_;
};

}  // namespace

int run_experiment(Experiment experiment, int argc, const char* const* argv) {
  const auto options = parse_options(experiment, argc, argv);
  if (!options) return 0;
  experiment.class_names = options->class_names;
  if (!options->worker.empty()) end_with_parent(*options);
  check_feasible(experiment, *options);
  set_num_threads(options->threads);
  prepare_scans(experiment.name, *options);
  ExperimentData data = experiment.load(options->data);
  data.splits = limited(std::move(data.splits), *options);
  data.inputs = look_at(data.splits, usable_cores());
  if (!options->worker.empty()) return run_worker(experiment, *options, data);
  check_lone_samples(experiment, *options, data);
  return Sweep(experiment, *options, std::move(data)).run({argv, argv + argc});
}

void check_feasible(const Experiment& experiment, const RunOptions& options) {
  const bool dmi = std::ranges::find(options.methods, "dmi") != options.methods.end();
  const auto classes = static_cast<int64_t>(experiment.class_names.size());
  if (dmi) {
    int64_t batch_size = plan_of(experiment, options, "dmi").batch_size;
    if (options.search) batch_size = std::ranges::min(options.search->batch_sizes);
    if (batch_size < classes) {
      usage("--batch-size {}: dmi needs every class in a batch, and there are {}", batch_size, classes);
    }
  }
  for (const std::string& noise : options.noises) {
    for (const double rate : rates_of(options, noise)) {
      // For every method: a noise may not fit the classes.
      const TransitionMatrix transition = transition_of(experiment, options, noise, rate);
      if (!dmi || std::abs(transition.determinant()) > kSingular) continue;
      usage(
          "{}--noise {}: the transition matrix is singular, so the noisy labels do not tell the classes apart and "
          "dmi's loss is infinite for every network; leave out the {} or the method",
          has_rate(noise) ? fmt::format("--rate {:g} with ", rate) : "", noise, has_rate(noise) ? "rate" : "noise");
    }
  }
}

DataSplits limited(DataSplits data, const RunOptions& options) {
  if (options.limit) cut(data.train, *options.limit, "--limit", "training");
  if (options.validation_limit) cut(data.validation, *options.validation_limit, "--validation-limit", "validation");
  return data;
}

}  // namespace cofactor
