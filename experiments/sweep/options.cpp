#include "experiments/sweep/options.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <set>

#include "engine/device_features.h"
#include "experiments/sweep/loss_flags.h"
#include "experiments/sweep/noises.h"
#include "experiments/sweep/number_flags.h"
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

// What CLI11 fills; strings and lists that validate() turns into RunOptions.
struct RawOptions {
  RunOptions run;
  std::vector<int> cases;
  std::vector<double> lrs;
  std::vector<int64_t> batch_sizes;
  bool search = false;
  std::string device = "auto", sampler = "shuffled", cuda_graph = "on", checkpoint_every = "5m";
  std::optional<int> threads;  // all cores
};

std::string describe(const TrainingPlan& plan) {
  return fmt::format("{} {:g}, {} epochs, batch {}", plan.optimizer == OptimizerKind::adam ? "Adam" : "SGD", plan.lr,
                     plan.epochs, plan.batch_size);
}

std::string footer(const Experiment& experiment) {
  std::string text = fmt::format("Hyperparameters:\n  ce (pre-training): {}\n", describe(experiment.pretraining));
  for (const auto& [method, plan] : experiment.finetuning) {
    text += fmt::format("  {} (fine-tuning of ce): {}\n", method, describe(plan));
  }
  text += "The paper: " + experiment.paper + "\n";
  text +=
      "Exit code: 0 done, 1 failed, 2 bad usage. Started again, finished runs are skipped, interrupted ones resumed.\n"
      "Ctrl-C or SIGTERM writes a checkpoint first; a second one ends at once.";
  return text;
}

void add_sweep_flags(CLI::App& app, const Experiment& experiment, RawOptions& raw) {
  auto* noise = app.add_option("--noise", raw.run.noises,
                               fmt::format("Noises: {}; none and transition (the matrix of --transition) take no rate",
                                           fmt::join(noise_names(experiment), ", ")));
  noise->delimiter(',')->default_str(fmt::format("{}", fmt::join(experiment.default_noises, ",")));
  std::string numbered;
  for (size_t i = 0; i < experiment.noises.size(); ++i) {
    numbered += fmt::format("{}{} {}", i ? ", " : "", i + 1, experiment.noises[i]);
  }
  if (!experiment.noises.empty()) {
    app.add_option("--case", raw.cases, "Noises by the paper's numbers: " + numbered)->delimiter(',')->excludes(noise);
  }
  app.add_option("--rate", raw.run.rates, "Noise rates, each in [0, 1]")
      ->delimiter(',')
      ->default_str(fmt::format("{}", fmt::join(experiment.default_rates, ",")));
  app.add_option("--method", raw.run.methods, "Methods: " + fmt::format("{}", fmt::join(experiment.methods(), ", ")))
      ->delimiter(',')
      ->default_str(fmt::format("{}", fmt::join(experiment.default_methods, ",")));
  app.add_option("--seed", raw.run.seeds, "Seeds of labels, weights, batches and dropout")
      ->delimiter(',')
      ->default_str(fmt::format("{}", fmt::join(experiment.default_seeds, ",")));
}

void add_training_flags(CLI::App& app, const Experiment& experiment, RawOptions& raw) {
  app.add_option("--epochs", raw.run.epochs, "Epochs of pre-training and of fine-tuning [the experiment's, below]");
  app.add_option("--batch-size", raw.batch_sizes, "Samples a batch [the experiment's, below]; a list for --search")
      ->delimiter(',');
  app.add_option("--lr", raw.lrs, "Learning rate of fine-tuning [the experiment's, below]; a list for --search")
      ->delimiter(',');
  app.add_flag("--search", raw.search,
               fmt::format("Fine-tune with each rate of --lr and batch size of --batch-size, and keep the lowest "
                           "validation loss [rates {:g}, batch sizes {}]; pre-training keeps its own",
                           fmt::join(experiment.search.lrs, ","), fmt::join(experiment.search.batch_sizes, ",")));
  app.add_option("--pretrain-lr", raw.run.pretrain_lr, "Learning rate of pre-training, and so of ce [likewise]");
  app.add_option("--limit", raw.run.limit, "Train on the first N training samples [all]");
  app.add_option("--validation-limit", raw.run.validation_limit, "Validate on the first N validation samples [all]");
  app.add_option("--sampler", raw.sampler, "shuffled, or stratified: every batch has its share of each noisy class")
      ->capture_default_str();
}

void add_machine_flags(CLI::App& app, const Experiment& experiment, RawOptions& raw) {
  raw.run.data = experiment.default_data;
  raw.run.out = std::filesystem::path("runs") / experiment.name;
  raw.run.workers = experiment.default_workers;
  app.add_option("--data", raw.run.data, "Folder of the data set")->capture_default_str();
  app.add_option("--out", raw.run.out, "Folder for results, metrics and weights")->capture_default_str();
  app.add_option("--device", raw.device, "auto, cpu, cuda or reference")->capture_default_str();
  app.add_option("--precision", raw.run.precision, "f32, or bf16; tf32 where the device has it")->capture_default_str();
  app.add_option("--threads", raw.threads, "Threads of the host's kernels")
      ->default_str(fmt::format("all cores: {}", std::min(num_threads(), max_threads())));
  app.add_option(
         "--jobs", raw.run.jobs,
         "Cells trained at once, each in a process with its share of the threads; a GPU's memory is not shared out")
      ->capture_default_str();
  app.add_option("--worker", raw.run.worker)->group("");  // of the processes that --jobs starts
  app.add_option("--cuda-graph", raw.cuda_graph, "on: a training step is recorded once and replayed, on cuda; off")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str();
  app.add_option("--checkpoint-every", raw.checkpoint_every,
                 "How often a checkpoint is written within an epoch, such as 30s, 5m or 1h; 0: only after each epoch")
      ->capture_default_str();
  app.add_option("--workers", raw.run.workers, "Threads that read batches ahead; 0: none")->capture_default_str();
}

void resolve_noises(const Experiment& experiment, RawOptions& raw) {
  std::vector<std::string>& noises = raw.run.noises;
  for (const int number : raw.cases) {
    if (number < 1 || number > static_cast<int>(experiment.noises.size())) {
      usage("--case {}: expected a number from 1 to {}", number, experiment.noises.size());
    }
    noises.push_back(experiment.noises[static_cast<size_t>(number - 1)]);
  }
  if (noises.empty()) noises = experiment.default_noises;
  check_names(noises, noise_names(experiment), "--noise");
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
void resolve_search(const Experiment& experiment, RawOptions& raw) {
  RunOptions& run = raw.run;
  for (const double lr : raw.lrs) check_rate("--lr", lr);
  for (const int64_t size : raw.batch_sizes) check_range("--batch-size", size, 1, kMaxSamples);
  if ((raw.search || !raw.lrs.empty()) && run.methods == std::vector<std::string>{"ce"}) {
    usage("{}: it is about fine-tuning, and ce does not fine-tune; there is --pretrain-lr",
          raw.search ? "--search" : fmt::format("--lr {}", fmt::join(raw.lrs, ",")));
  }
  if (raw.search) {
    run.search = experiment.search;
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
  if (run.limit) check_range("--limit", *run.limit, 1, kMaxSamples);
  if (run.validation_limit) check_range("--validation-limit", *run.validation_limit, 1, kMaxSamples);
  if (run.pretrain_lr) check_rate("--pretrain-lr", *run.pretrain_lr);
  check_range("--threads", run.threads, 1, max_threads());
  check_range("--jobs", run.jobs, 1, max_threads());
  check_range("--workers", run.workers, 0, max_threads());
}

void set_lr(TrainingPlan& plan, double lr) {
  for (RateFrom& step : plan.lr_steps) step.lr *= lr / plan.lr;
  plan.lr = lr;
}

// Errors of names parsed elsewhere are bad usage here.
template <class Parse>
auto as_usage(std::string_view flag, std::string_view value, Parse parse) {
  try {
    return parse(value);
  } catch (const Error& error) {
    usage("{} {}: {}", flag, value, error.what());
  }
}

void resolve_precision(const RunOptions& run) {
  if (run.precision == "f32") return;
  if (run.precision != "tf32" && run.precision != "bf16") {
    usage("--precision {}: unknown name; there are f32, tf32, bf16", run.precision);
  }
  as_usage("--precision", run.precision, [&](std::string_view name) {
    DeviceFeatures& features = features_of(run.device);
    if (name == "bf16") {
      features.check_bf16();
    } else {
      features.set_allow_tf32(true);
    }
    return true;
  });
}

RunOptions validate(const Experiment& experiment, RawOptions& raw, LossFlags& loss_flags) {
  RunOptions& run = raw.run;
  resolve_noises(experiment, raw);
  if (run.methods.empty()) run.methods = experiment.default_methods;
  if (run.rates.empty()) run.rates = experiment.default_rates;
  if (run.seeds.empty()) run.seeds = experiment.default_seeds;
  check_names(run.methods, experiment.methods(), "--method");
  run.methods = distinct(run.methods);
  resolve_search(experiment, raw);
  run.threads = raw.threads.value_or(std::min(num_threads(), max_threads()));
  check_numbers(run);
  run.checkpoint_every = as_usage("--checkpoint-every", raw.checkpoint_every, parse_duration);
  run.rates = distinct(run.rates);
  run.seeds = distinct(run.seeds);
  run.sampler = as_usage("--sampler", raw.sampler, parse_sampler);
  run.device = as_usage("--device", raw.device, parse_device);
  run.cuda_graph = raw.cuda_graph == "on";
  resolve_precision(run);
  run.class_names = experiment.find_classes ? experiment.find_classes(run.data) : experiment.class_names;
  loss_flags.resolve(run.methods, run.noises, static_cast<int64_t>(run.class_names.size()));
  return run;
}

}  // namespace

std::optional<RunOptions> parse_options(const Experiment& experiment, int argc, const char* const* argv) {
  CLI::App app(experiment.description, experiment.name);
  RawOptions raw;
  app.get_formatter()->column_width(34);
  add_sweep_flags(app, experiment, raw);
  add_training_flags(app, experiment, raw);
  raw.run.loss = experiment.loss;
  LossFlags loss_flags(app, raw.run.loss);
  add_machine_flags(app, experiment, raw);
  if (experiment.add_flags) experiment.add_flags(app);
  app.footer(footer(experiment));
  check_numbers_of(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    throw UsageError(fmt::format("{} (--help lists the flags)", error.what()));
  }
  results_are_in(raw.run.out / "results.jsonl");
  now_doing("before training");
  const CLI::Option* skip_broken = app.get_option_no_throw("--skip-broken");
  raw.run.may_skip_broken = skip_broken != nullptr && skip_broken->count() == 0;
  RunOptions run = validate(experiment, raw, loss_flags);
  if (experiment.check_flags) experiment.check_flags();
  return run;
}

TrainingPlan plan_of(const Experiment& experiment, const RunOptions& options, std::string_view method) {
  const bool pretraining = method == "ce";
  const auto found = std::ranges::find(experiment.finetuning, method, &std::pair<std::string, TrainingPlan>::first);
  if (!pretraining && found == experiment.finetuning.end())
    usage("method {}: {} has none such", method, experiment.name);
  TrainingPlan plan = pretraining ? experiment.pretraining : found->second;
  if (options.epochs) plan.epochs = *options.epochs;
  if (options.batch_size) plan.batch_size = *options.batch_size;
  if (const auto& lr = pretraining ? options.pretrain_lr : options.lr) {
    set_lr(plan, *lr);
  }
  return plan;
}

std::vector<Candidate> candidates_of(const SearchGrid& grid) {
  std::vector<Candidate> candidates;
  for (const double lr : grid.lrs) {
    for (const int64_t batch_size : grid.batch_sizes) candidates.push_back({.lr = lr, .batch_size = batch_size});
  }
  return candidates;
}

TrainingPlan with_candidate(TrainingPlan plan, const Candidate& candidate) {
  set_lr(plan, candidate.lr);
  plan.batch_size = candidate.batch_size;
  return plan;
}

}  // namespace cofactor
