#include "experiments/sweep/protocol.h"

#include <algorithm>
#include <chrono>
#include <ranges>
#include <span>

#include "engine/cores.h"
#include "engine/device_features.h"
#include "experiments/report/figure.h"
#include "experiments/report/results.h"
#include "experiments/report/shards.h"
#include "experiments/report/summary.h"
#include "experiments/report/sweep_state.h"
#include "experiments/sweep/batch_check.h"
#include "experiments/sweep/cell_runner.h"
#include "experiments/sweep/inputs.h"
#include "experiments/sweep/jobs.h"
#include "experiments/sweep/known_runs.h"
#include "experiments/sweep/loss_flags.h"
#include "experiments/sweep/noises.h"
#include "experiments/sweep/prior_runs.h"
#include "experiments/sweep/ranks.h"
#include "experiments/sweep/run.h"
#include "experiments/training/activity.h"
#include "experiments/training/console.h"
#include "experiments/training/run_settings.h"
#include "losses/make_loss.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

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
  Sweep(const Experiment& experiment, const RunOptions& options, const ExperimentData& data)
      : name_(experiment.table().name),
        experiment_(experiment),
        options_(options),
        data_(data),
        sweep_lock_(options.sweep_folder(),
                    options.shard ? DirectoryLock::Kind::shared : DirectoryLock::Kind::exclusive),
        known_(options.known) {
    if (options.shard) shard_lock_.emplace(options.out);
    remove_leftovers(options.out);
    add_other_parts();
    for (const std::string& problem : known_.problems()) print_error(fmt::format("{}: {}", name_, problem));
    if (!fs::exists(options.results_file())) return;
    ResultsFile file = read_results(options.results_file());
    if (!file.cut_short.empty()) print_error(fmt::format("{}: {}", name_, file.cut_short));
    results_ = std::move(file.results);
  }

  int run(const std::vector<std::string>& command) {
    std::vector<CellRuns> cells = plan_runs(experiment_, options_, data_);
    const std::string settings = cells.back().pretraining.result.settings;  // its inputs are those of all results
    PriorRuns prior(options_, data_, results_);
    const size_t planned_cells = cells.size();
    for (const CellRuns& cell : cells)
      if (cell.cell.fold == 0) planned_runs_ += cell.methods().size();
    leave_out_finished(cells, prior);
    make_folders(cells, prior, settings);
    // A launcher may give ranks a terminal and write what they print to a file.
    ConsoleProgress progress =
        options_.trainer.ranks ? ConsoleProgress(stdout, false, samples_of(cells)) : ConsoleProgress(samples_of(cells));
    progress.expect_cells(planned_cells - cells.size(), planned_cells, options_.jobs,
                          [this](size_t done, size_t all, double left) { keep_state(done, all, left); });
    greet(progress, prior);
    const int failed = train(cells, command, progress);
    order_end(options_);
    progress.note("");
    report(progress, settings);
    if (failed > 0) print_error(fmt::format("{}: {} failed, see above", name_, failed == 1 ? "a run" : "runs"));
    return failed == 0 ? 0 : 1;
  }

 private:
  // What --out holds beside this process's own folder: shards, and of a shard also what the sweep without --shard has
  // finished.
  void add_other_parts() {
    const fs::path sweep = options_.sweep_folder();
    std::vector<fs::path> parts = with_shards({sweep});
    std::erase(parts, options_.out);
    known_.add_parts(fmt::format("{} of the sweep in {}", options_.shard ? "other parts" : "shards", sweep.string()),
                     parts);
  }

  // Throws Error where a result was made with other settings.
  void leave_out_finished(std::vector<CellRuns>& cells, PriorRuns& prior) {
    const auto is_done = [&](const Run& run) {
      if (!prior.is_finished(run)) return known_.has(run);
      finished_.push_back(run);
      return true;
    };
    std::vector<std::string> judging;  // methods whose folds the cell that comes next from the end needs
    const auto is_left_out = [&](const Run& run) {
      if (run.cell.fold == 0) return is_done(run);
      return std::ranges::find(judging, run.method()) == judging.end() || prior.is_finished(run);
    };
    for (CellRuns& cell : cells | std::views::reverse) {  // folds come before the cell of all samples
      if (cell.tests_pretraining) cell.tests_pretraining = !is_left_out(cell.pretraining);
      std::erase_if(cell.finetuning, is_left_out);
      if (cell.cell.fold > 0) continue;
      judging = cell.methods();
      if (!cell.empty()) judging.push_back(options_.cross_fitting.judge);
    }
    std::erase_if(cells, [](const CellRuns& cell) { return cell.empty(); });
  }

  // Also writes a record of what is trained on, so that a later start can say what has changed.
  void make_folders(const std::vector<CellRuns>& cells, PriorRuns& prior, const std::string& settings) const {
    for (const CellRuns& cell : cells) {
      prior.make_way(cell.pretraining);
      for (const Run& run : cell.finetuning) prior.make_way(run);
    }
    if (!cells.empty()) write_input_record(options_, data_, settings, prior.test_changed());
    describe_finished();
  }

  // A run that an earlier version finished has no description of its network yet.
  void describe_finished() const {
    if (!data_.describe) return;
    for (const Run& run : finished_) {
      if (fs::exists(run.phase.weights_file())) data_.describe(run.phase.folder, run.method(), options_.precision);
    }
  }

  int64_t samples_of(const std::vector<CellRuns>& cells) const {
    int64_t samples = 0;
    for (const CellRuns& cell : cells) {
      int64_t count = data_.splits.train.size();
      if (const int folds = options_.cross_fitting.folds; cell.cell.fold > 0) count -= count / folds;
      samples += cell.pretraining.samples(count);
      for (const Run& run : cell.finetuning) samples += run.samples(count);
    }
    return samples;
  }

  void greet(Progress& progress, const PriorRuns& prior) const {
    const DataSplits& splits = data_.splits;
    const TrainerOptions& trainer = options_.trainer;
    progress.note(fmt::format("{}: device {}, {}, --threads {}; {} training, {} validation, {} test samples; {}", name_,
                              trainer.device, options_.precision, trainer.threads, splits.train.size(),
                              splits.validation.size(), splits.test.size(), options_.out.string()));
    if (options_.shard) {
      progress.note(fmt::format("shard {} of {}: {} of the sweep's {} cells", options_.shard->index,
                                options_.shard->count, cells_of(options_).size(), all_cells_of(options_).size()));
    }
    if (options_.precision == "bf16") {
      if (const std::string note = features_of(trainer.device).bf16_note(); !note.empty()) progress.note(note);
    }
    if (const std::string note = describe_ranks(options_); !note.empty()) progress.note(note);
    for (const std::string& note : data_.notes) progress.note(note);
    if (options_.jobs > 1) {
      progress.note(fmt::format("{} cells at once, each in a process with --threads {}{}", options_.jobs,
                                threads_per_job(options_),
                                options_.jobs > trainer.threads ? ": there are more of them than threads" : ""));
    }
    for (const std::string& note : prior.notes()) progress.note(note);
    for (const std::string& note : known_.notes(planned_runs_)) progress.note(note);
  }

  // For the report's page, without which training goes on. Where nothing is left to do, nothing is written.
  void keep_state(size_t done, size_t all, double seconds_left) {
    if (done < all) has_trained_ = true;
    if (state_failed_ || !has_trained_) return;
    try {
      write_sweep_state(options_.out, {done, all, seconds_left, time_of_day()});
    } catch (const Error& error) {
      state_failed_ = true;
      print_error(fmt::format("{}: warning: {}", name_, error.what()));
    }
  }

  // Returns how many runs failed.
  int train(std::vector<CellRuns>& cells, const std::vector<std::string>& command, ConsoleProgress& progress) {
    const auto keep = [this](const Result& result) {
      append_result(options_.results_file(), result);
      results_.push_back(result);
    };
    if (options_.jobs > 1) {
      // All folds first: the cells of all samples read what they found.
      const auto rest =
          std::stable_partition(cells.begin(), cells.end(), [](const CellRuns& c) { return c.cell.fold > 0; });
      int failed = 0;
      for (const std::span<const CellRuns> some : {std::span(cells.begin(), rest), std::span(rest, cells.end())}) {
        if (!some.empty())
          failed +=
              run_jobs(options_, some, data_.inputs, command, shard_lock_ ? *shard_lock_ : sweep_lock_, progress, keep);
      }
      return failed;
    }
    CellRunner runner(experiment_, options_, data_, progress, keep);
    int failed = 0;
    for (const CellRuns& cell : cells) {
      const auto began = std::chrono::steady_clock::now();
      const int64_t before = progress.samples();
      order_cell(options_, cell);
      const int failed_here = runner.run(cell);
      failed += failed_here;
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
      if (failed_here == 0) progress.cell_done(took.count(), progress.samples() - before);
    }
    return failed;
  }

  // The table and the figure. Where the figure fails, the results are kept.
  void report(Progress& progress, const std::string& settings) {
    const std::vector<Summary> summaries = aggregate(comparable_results(progress, settings));
    if (summaries.empty()) return;
    progress.note(format_table(summaries));
    try {
      for (const fs::path& file : draw_figures(summaries, options_.out)) progress.note(file.string());
    } catch (const std::exception& error) {
      print_error(fmt::format("{}: warning: the results are in {}, but the figure was not drawn: {}", name_,
                              options_.results_file().string(), message_of(error)));
    }
  }

  // The newest result of each run, without those of other inputs than this sweep's.
  std::vector<Result> comparable_results(Progress& progress, const std::string& settings) const {
    std::vector<Result> all = known_.found();
    // The table has noises in the order in which they appear, and the runs were looked for from the last cell on.
    std::ranges::stable_sort(all, {}, [&](const Result& known) {
      return std::ranges::find(options_.noises, known.noise) - options_.noises.begin();
    });
    all.insert(all.end(), results_.begin(), results_.end());
    all = newest_of(all);
    const auto left_out = std::erase_if(all, [&](const Result& result) {
      const Inputs inputs = compare_inputs(result.settings, settings);
      return result.experiment == name_ && (inputs == Inputs::other || inputs == Inputs::other_test);
    });
    if (left_out > 0) {
      progress.note(fmt::format("{} of other data {} left out of the table; to replace {}, ask for the same again",
                                left_out == 1 ? "1 result" : fmt::format("{} results", left_out),
                                left_out == 1 ? "is" : "are", left_out == 1 ? "it" : "them"));
    }
    return all;
  }

  const std::string& name_;
  const Experiment& experiment_;
  const RunOptions& options_;
  const ExperimentData& data_;
  DirectoryLock sweep_lock_;                 // which shards share
  std::optional<DirectoryLock> shard_lock_;  // of a shard's own folder
  KnownRuns known_;
  size_t planned_runs_ = 0;  // with a result, which those of folds have not
  bool has_trained_ = false, state_failed_ = false;
  std::vector<Result> results_;  // of the folder
  std::vector<Run> finished_;    // that were asked for again
};

// Loads the data and reads every sample once, where the batches suit it.
ExperimentData load_data(const Experiment& experiment, const RunOptions& options) {
  prepare_scans(experiment.table().name, options);
  ExperimentData data = experiment.load({options.data, options.out}, options.class_names);
  data.splits = limited(std::move(data.splits), options);
  if (options.worker.empty()) {
    const std::vector<std::string> notes = check_classes_in_batches(experiment, options, data.splits.train);
    data.notes.insert(data.notes.end(), notes.begin(), notes.end());
  }
  data.inputs = find_inputs(data.splits, usable_cores());
  return data;
}

}  // namespace

int run_experiment(Experiment& experiment, int argc, const char* const* argv) {
  const std::unique_ptr<Communicator> ranks = join_ranks();
  auto options = parse_options(experiment, argc, argv, ranks.get());
  if (!options) return 0;
  const bool is_worker = !options->worker.empty();
  if (is_worker) end_with_parent(*options);
  check_feasible(experiment, *options);
  check_for_ranks(experiment, *options);
  if (cells_of(*options).empty()) {
    if (writes_files(options->trainer))
      write_text(stdout,
                 fmt::format("{}: --shard {}/{}: the sweep has {} cells, none of which is this shard's; there is "
                             "nothing to do\n",
                             experiment.table().name, options->shard->index, options->shard->count,
                             all_cells_of(*options).size()));
    return 0;
  }
  set_num_threads(options->trainer.threads);
  const std::string sums = choose_device_sums(*options);
  ExperimentData data = load_data(experiment, *options);
  if (!sums.empty()) data.notes.push_back(sums);
  if (is_worker) return run_worker(experiment, *options, data);
  check_lone_samples(experiment, *options, data);
  const std::vector<std::string> command(argv, argv + argc);
  if (ranks) check_same_on_all(*options, data, command);
  if (!writes_files(options->trainer)) return follow_orders(experiment, *options, data);
  if (!options->profile) return Sweep(experiment, *options, data).run(command);
  StepProfile profile(*options->profile);
  options->trainer.profile = &profile;
  const int code = Sweep(experiment, *options, data).run(command);
  if (profile.written()) return code;
  print_error(fmt::format("{}: --profile {}: no profile was written: {}", experiment.table().name,
                          options->profile->file.string(), profile.missing()));
  return std::max(code, 1);
}

void check_feasible(const Experiment& experiment, const RunOptions& options) {
  std::vector<std::unique_ptr<Loss>> losses;
  for (const std::string& method : options.methods) {
    losses.push_back(make_loss(method, options_of(options.loss, method)));
  }
  for (const std::string& noise : options.noises) {
    for (const double rate : rates_of(options, noise)) {
      const Transition transition = noise_of(experiment, options, noise, rate);  // refuses one that does not fit
      for (const auto& loss : losses) {
        const std::string why = loss->uninformative_under(transition);
        if (why.empty()) continue;
        const std::string rate_flag = has_rate(noise) ? fmt::format("--rate {:g} with ", rate) : "";
        usage("{}--noise {}: the labels carry no signal for {}: {}; leave out the {} or the method", rate_flag, noise,
              loss->name(), why, has_rate(noise) ? "rate" : "noise");
      }
    }
  }
}

DataSplits limited(DataSplits data, const RunOptions& options) {
  if (options.limit) cut(data.train, *options.limit, "--limit", "training");
  if (options.validation_limit) cut(data.validation, *options.validation_limit, "--validation-limit", "validation");
  return data;
}

}  // namespace cofactor
