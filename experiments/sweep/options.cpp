#include "experiments/sweep/options.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "engine/cores.h"
#include "engine/distributed/rank_device.h"
#include "experiments/sweep/flags.h"
#include "experiments/sweep/jobs.h"
#include "experiments/sweep/loss_flags.h"
#include "experiments/sweep/noises.h"
#include "experiments/sweep/precision.h"
#include "experiments/sweep/profile_flags.h"
#include "experiments/sweep/ranks.h"
#include "experiments/training/activity.h"
#include "experiments/training/duration.h"

namespace cofactor {
namespace {

// A list without its repetitions, in the order given.
template <class T>
std::vector<T> distinct(const std::vector<T>& values) {
  std::set<T> seen;
  std::vector<T> result;
  for (const T& value : values)
    if (seen.insert(value).second) result.push_back(value);
  return result;
}

void check_names(const std::vector<std::string>& names, const std::vector<std::string>& known, std::string_view flag) {
  for (const std::string& name : names) {
    if (std::ranges::find(known, name) == known.end()) {
      usage("{} {}: unknown name; there are {}", flag, name, fmt::join(known, ", "));
    }
  }
}

// The variables of the flags. validate() makes RunOptions of them.
struct RawOptions {
  RunOptions run;
  std::vector<int> cases;
  std::vector<double> lrs;
  std::vector<int64_t> batch_sizes;
  bool search = false;
  std::string device = "auto", sampler = "shuffled", cuda_graph = "on", checkpoint_every = "5m";
  std::string gradient_sums = "f32", rank_timeout = "10s";
  std::optional<int> threads;  // all cores
  std::optional<std::string> shard;
  ProfileFlags profile;
};

std::string describe(const TrainingPlan& plan) {
  std::string rates = fmt::format("{:g}", plan.lr);
  for (const RateFrom& step : plan.lr_steps) rates += fmt::format(", {:g} from epoch {}", step.lr, step.epoch + 1);
  return fmt::format("{} {}, {} epochs, batch {}", plan.optimizer == OptimizerKind::adam ? "Adam" : "SGD", rates,
                     plan.epochs, plan.batch_size);
}

TrainingPlan with_epochs(TrainingPlan plan, int epochs, bool steps_follow) {
  if (steps_follow) return with_epoch_factor(std::move(plan), static_cast<double>(epochs) / plan.epochs);
  plan.epochs = epochs;
  return plan;
}

std::string footer(const ExperimentTable& table) {
  std::string text =
      fmt::format("Hyperparameters:\n  {} (pre-training): {}\n", kPretraining, describe(table.pretraining));
  for (const auto& [method, plan] : table.finetuning) {
    text += fmt::format("  {} (fine-tuning of {}): {}\n", method, kPretraining, describe(plan));
  }
  text += "The paper: " + table.paper + "\n";
  text +=
      "Exit code: 0 done, 1 failed, 2 bad usage. Started again, finished runs are skipped, interrupted ones resumed.\n"
      "Ctrl-C or SIGTERM writes a checkpoint first; a second one ends at once.";
  return text;
}

template <class T>
std::string comma_separated(const std::vector<T>& values) {
  return fmt::format("{}", fmt::join(values, ","));
}

// "1 uniform, 2 flip"
std::string numbered(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) text += fmt::format("{}{} {}", i ? ", " : "", i + 1, names[i]);
  return text;
}

void add_sweep_flags(Flags& flags, const ExperimentTable& table, RawOptions& raw) {
  const Flag noise = flags
                         .add("--noise", raw.run.noises,
                              fmt::format("Noises: {}; none and transition (the matrix of --transition) take no rate",
                                          fmt::join(noise_names(table), ", ")))
                         .default_text(comma_separated(table.default_noises));
  if (!table.noises.empty()) {
    flags.add("--case", raw.cases, "Noises by the paper's numbers: " + numbered(table.noises)).excludes(noise);
  }
  flags.add("--rate", raw.run.rates, "Noise rates, each in [0, 1]").default_text(comma_separated(table.default_rates));
  flags.add("--method", raw.run.methods, fmt::format("Methods: {}", fmt::join(table.methods(), ", ")))
      .default_text(comma_separated(table.default_methods));
  flags.add("--seed", raw.run.seeds, "Seeds of labels, weights, batches and dropout")
      .default_text(comma_separated(table.default_seeds));
}

void add_training_flags(Flags& flags, const ExperimentTable& table, RawOptions& raw) {
  const Flag epochs =
      flags.add("--epochs", raw.run.epochs, "Epochs of pre-training and of fine-tuning [the experiment's, below]");
  flags
      .add("--epoch-factor", raw.run.epoch_factor,
           "Multiplies both numbers of epochs, and the epochs at which rates change, by a number up to 1")
      .excludes(epochs);
  flags.add("--batch-size", raw.batch_sizes, "Samples per batch [the experiment's, below]; a list for --search");
  flags.add("--lr", raw.lrs, "Learning rate of fine-tuning [the experiment's, below]; a list for --search");
  flags.add("--search", raw.search,
            fmt::format("Fine-tune with each rate of --lr and batch size of --batch-size, and keep the lowest "
                        "validation loss [rates {:g}, batch sizes {}]; pre-training keeps its own",
                        fmt::join(table.search.lrs, ","), fmt::join(table.search.batch_sizes, ",")));
  flags.add("--pretrain-lr", raw.run.pretrain_lr,
            "Learning rate of pre-training, and so of ce [the experiment's, below]");
  flags.add("--limit", raw.run.limit, "Train on the first N training samples [all]");
  flags.add("--validation-limit", raw.run.validation_limit, "Validate on the first N validation samples [all]");
  flags.add("--sampler", raw.sampler, "shuffled, or stratified: every batch has its share of each noisy class");
}

void add_machine_flags(Flags& flags, const ExperimentTable& table, RawOptions& raw) {
  raw.run.data = table.default_data;
  raw.run.out = std::filesystem::path("runs") / table.name;
  raw.run.trainer.workers = table.default_workers;
  flags.add("--data", raw.run.data, "Folder of the data set");
  flags.add("--out", raw.run.out, "Folder for results, metrics and weights");
  flags.add("--known", raw.run.known,
            "Files of finished runs, such as docs/results/*.jsonl, or folders of runs: a run with the same settings "
            "and data is not run "
            "again");
  flags.add("--device", raw.device, "auto, cpu, cuda, cuda:N (the GPU number N, from 0) or reference");
  flags.add("--precision", raw.run.precision, "f32, or bf16; tf32 where the device has it");
  flags.add("--threads", raw.threads, "Threads of the host's kernels")
      .default_text(fmt::format("all cores: {}", std::min(num_threads(), max_threads())));
  flags.add("--jobs", raw.run.jobs,
            "Cells trained at once, each in a process with its share of the threads; on a GPU all share that one and "
            "its memory");
  flags.add(
      "--shard", raw.shard,
      "I/N: this command trains cells I, I + N, I + 2N and so on, into OUT/shardIofN; N such commands, on as many "
      "machines, are the sweep, and may have one --out");
  flags.add("--worker", raw.run.worker, "").hidden();  // of the processes that --jobs starts
  flags.add("--cuda-graph", raw.cuda_graph, "on: a training step is recorded once and replayed, on cuda; off")
      .one_of({"on", "off"});
  flags.add("--checkpoint-every", raw.checkpoint_every,
            "How often a checkpoint is written within an epoch, such as 30s, 5m or 1h; 0: only after each epoch");
  flags.add("--workers", raw.run.trainer.workers, "Threads that read batches ahead; 0: none");
  raw.profile.add(flags,
                  fmt::format("steps of the first run that is trained, after its first {}", ProfileOptions{}.warm_up));
}

void add_rank_flags(Flags& flags, RawOptions& raw) {
  flags.start_group("Several processes (mpirun and the like)");
  flags.add("--sync-batch-norm", raw.run.trainer.synchronise_batch_norm,
            "Batch norm sees the whole batch, and not each process its share");
  flags
      .add("--gradient-sums", raw.gradient_sums,
           "In what gradients are exchanged: f32, or bf16, which is half the bytes")
      .one_of({"f32", "bf16"});
  flags.add("--rank-timeout", raw.rank_timeout,
            "How long a process waits for the others within a step, before it takes one for lost");
}

void resolve_noises(const ExperimentTable& table, RawOptions& raw) {
  std::vector<std::string>& noises = raw.run.noises;
  for (const int number : raw.cases) {
    if (number < 1 || number > static_cast<int>(table.noises.size())) {
      usage("--case {}: expected a number from 1 to {}", number, table.noises.size());
    }
    noises.push_back(table.noises[static_cast<size_t>(number - 1)]);
  }
  if (noises.empty()) noises = table.default_noises;
  check_names(noises, noise_names(table), "--noise");
  noises = distinct(noises);
  if (!raw.run.rates.empty() && std::ranges::none_of(noises, has_rate)) {
    usage("--rate {:g}: --noise {} has no rate", fmt::join(raw.run.rates, ","), fmt::join(noises, ","));
  }
}

constexpr int64_t kMaxEpochs = 100'000, kMaxSamples = 1'000'000'000;

void check_rate(std::string_view flag, double lr) {
  if (!(std::isfinite(lr) && lr > 0.0)) usage("{} {}: expected a positive number", flag, lr);
}

void check_range(std::string_view flag, int64_t value, int64_t least, int64_t most) {
  if (value < least || value > most) usage("{} {}: expected {} to {}", flag, value, least, most);
}

// --lr and --batch-size: one value each, or lists to search among.
void resolve_search(const ExperimentTable& table, RawOptions& raw) {
  RunOptions& run = raw.run;
  for (const double lr : raw.lrs) check_rate("--lr", lr);
  for (const int64_t size : raw.batch_sizes) check_range("--batch-size", size, 1, kMaxSamples);
  if ((raw.search || !raw.lrs.empty()) && run.methods == std::vector<std::string>{std::string(kPretraining)}) {
    usage("{}: it is for fine-tuning, and {} does not fine-tune; there is --pretrain-lr",
          raw.search ? "--search" : fmt::format("--lr {}", fmt::join(raw.lrs, ",")), kPretraining);
  }
  if (raw.search) {
    run.search = table.search;
    if (!raw.lrs.empty()) run.search->lrs = distinct(raw.lrs);
    if (!raw.batch_sizes.empty()) run.search->batch_sizes = distinct(raw.batch_sizes);
    return;
  }
  if (raw.lrs.size() > 1) usage("--lr {}: a list is for --search", fmt::join(raw.lrs, ","));
  if (raw.batch_sizes.size() > 1) usage("--batch-size {}: a list is for --search", fmt::join(raw.batch_sizes, ","));
  if (!raw.lrs.empty()) run.lr = raw.lrs[0];
  if (!raw.batch_sizes.empty()) run.batch_size = raw.batch_sizes[0];
}

void check_numbers(const RunOptions& run) {
  for (const double rate : run.rates) {
    if (!(rate >= 0.0 && rate <= 1.0)) usage("--rate {}: a noise rate lies in [0, 1]", rate);
  }
  if (run.epochs) check_range("--epochs", *run.epochs, 1, kMaxEpochs);
  if (run.epoch_factor && !(*run.epoch_factor > 0.0 && *run.epoch_factor <= 1.0)) {
    usage("--epoch-factor {}: expected a number above 0 and at most 1", *run.epoch_factor);
  }
  if (run.limit) check_range("--limit", *run.limit, 1, kMaxSamples);
  if (run.validation_limit) check_range("--validation-limit", *run.validation_limit, 1, kMaxSamples);
  if (run.pretrain_lr) check_rate("--pretrain-lr", *run.pretrain_lr);
  check_range("--threads", run.trainer.threads, 1, max_threads());
  check_range("--jobs", run.jobs, 1, max_threads());
  check_range("--workers", run.trainer.workers, 0, max_threads());
}

// Everything that the flags alone decide.
void validate(const ExperimentTable& table, RawOptions& raw) {
  RunOptions& run = raw.run;
  resolve_noises(table, raw);
  if (run.methods.empty()) run.methods = table.default_methods;
  if (run.rates.empty()) run.rates = table.default_rates;
  if (run.seeds.empty()) run.seeds = table.default_seeds;
  check_names(run.methods, table.methods(), "--method");
  run.methods = distinct(run.methods);
  resolve_search(table, raw);
  const int threads = run.trainer.ranks ? threads_of_rank(*run.trainer.ranks) : num_threads();
  run.trainer.threads = raw.threads.value_or(std::min(threads, max_threads()));
  check_numbers(run);
  run.rates = distinct(run.rates);
  run.seeds = distinct(run.seeds);
  run.trainer.checkpoint_every = as_usage("--checkpoint-every", raw.checkpoint_every, parse_duration);
  run.trainer.sampler = as_usage("--sampler", raw.sampler, parse_sampler);
  run.trainer.device = as_usage("--device", run.worker.empty() ? raw.device : worker_device(run), parse_device);
  if (run.trainer.ranks) run.trainer.device = device_of_rank(*run.trainer.ranks, run.trainer.device);
  run.trainer.cuda_graph = raw.cuda_graph == "on";
  run.trainer.bf16_sums = raw.gradient_sums == "bf16";
  const double timeout = as_usage("--rank-timeout", raw.rank_timeout, parse_duration);
  if (!(timeout > 0.0)) usage("--rank-timeout {}: expected a time above 0", raw.rank_timeout);
  if (run.trainer.ranks) run.trainer.ranks->set_deadline(std::chrono::duration<double>(timeout));
  use_precision(run.precision, run.trainer.device);
  run.profile = raw.profile.resolve(run.precision);
  if (raw.shard) {
    run.shard = as_usage("--shard", *raw.shard, parse_shard);
    run.out /= run.shard->folder();
  }
  if (run.profile && run.jobs > 1) {
    usage("--profile {}: with --jobs {} the steps of several processes share the cores; leave out --jobs",
          run.profile->file.string(), run.jobs);
  }
}

}  // namespace

std::optional<RunOptions> parse_options(Experiment& experiment, int argc, const char* const* argv,
                                        Communicator* ranks) {
  const ExperimentTable& table = experiment.table();
  Flags flags(table.name, table.description);
  RawOptions raw;
  RunOptions& run = raw.run;
  add_sweep_flags(flags, table, raw);
  add_training_flags(flags, table, raw);
  add_machine_flags(flags, table, raw);
  run.loss = table.loss;
  LossFlags loss_flags(flags, run.loss);
  add_rank_flags(flags, raw);
  flags.start_group("Options");
  experiment.add_flags(flags);
  flags.footer(footer(table));
  if (!flags.parse(argc, argv)) return std::nullopt;

  now_doing("before training");
  run.trainer.ranks = ranks;
  validate(table, raw);
  results_are_in(run.results_file());
  experiment.check_flags();
  run.cross_fitting = experiment.cross_fitting(run.methods);
  run.trainer.may_skip_broken = experiment.may_skip_broken();
  run.class_names = experiment.find_classes({run.data, run.out});
  run.transition = loss_flags.resolve(run.methods, run.noises, static_cast<int64_t>(run.class_names.size()));
  return run;
}

TrainingPlan plan_of(const Experiment& experiment, const RunOptions& options, std::string_view method) {
  const ExperimentTable& table = experiment.table();
  const bool pretraining = method == kPretraining;
  const auto found = std::ranges::find(table.finetuning, method, &std::pair<std::string, TrainingPlan>::first);
  if (!pretraining && found == table.finetuning.end())
    usage("method {}: {} does not have it; it has {}", method, table.name, fmt::join(table.methods(), ", "));
  TrainingPlan plan = pretraining ? table.pretraining : found->second;
  if (options.epochs) plan = with_epochs(plan, *options.epochs, table.steps_follow_epochs);
  if (options.epoch_factor) plan = with_epoch_factor(plan, *options.epoch_factor);
  if (options.batch_size) plan.batch_size = *options.batch_size;
  const std::optional<double>& lr = pretraining ? options.pretrain_lr : options.lr;
  return lr ? with_lr(plan, *lr) : plan;
}

std::vector<int64_t> batch_sizes_of(const Experiment& experiment, const RunOptions& options, std::string_view method) {
  if (options.search && method != kPretraining) return options.search->batch_sizes;
  return {plan_of(experiment, options, method).batch_size};
}

std::vector<Candidate> candidates_of(const SearchGrid& grid) {
  std::vector<Candidate> candidates;
  for (const double lr : grid.lrs) {
    for (const int64_t batch_size : grid.batch_sizes) candidates.push_back({.lr = lr, .batch_size = batch_size});
  }
  return candidates;
}

TrainingPlan with_candidate(TrainingPlan plan, const Candidate& candidate) {
  plan = with_lr(plan, candidate.lr);
  plan.batch_size = candidate.batch_size;
  return plan;
}

}  // namespace cofactor
