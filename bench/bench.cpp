// Times one workload on one device: the part of scripts/bench that runs cofactor. bench/pytorch_bench.py is the other
// part, with the same workloads and the same keys.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/image_array.h"
#include "data/loader.h"
#include "data/text/text_array.h"
#include "engine/autograd.h"
#include "engine/backend.h"
#include "engine/cores.h"
#include "engine/device_features.h"
#include "engine/ops/reduce.h"
#include "engine/optim/adam.h"
#include "engine/optim/sgd.h"
#include "engine/profile/recorder.h"
#include "experiments/sweep/flags.h"
#include "experiments/sweep/profile_flags.h"
#include "experiments/sweep/program.h"
#include "experiments/sweep/ranks.h"
#include "experiments/training/rank_steps.h"
#include "experiments/training/step_runner.h"
#include "losses/cross_entropy.h"
#include "models/make_network.h"
#include "models/two_layer_cnn.h"
#include "models/word_cnn.h"

namespace cofactor {
namespace {

constexpr uint64_t kSeed = 1;

// What is timed: a network, its data, and training steps or forward passes. pytorch_bench.py has the same workloads.
struct Workload {
  std::string_view name;
  bool training;
  int64_t batch_size;  // unless the command line says otherwise
  int64_t samples;     // or ten batches, where those are more
  std::function<std::shared_ptr<const Dataset>(int64_t samples)> make_data;
  std::function<std::unique_ptr<Module>(Device device)> make_model;
  std::function<std::unique_ptr<Optimizer>(std::vector<NamedTensor> parameters)> make_optimizer;
};

std::unique_ptr<Optimizer> make_adam(std::vector<NamedTensor> parameters) {
  return std::make_unique<Adam>(std::move(parameters), AdamOptions{});
}

std::unique_ptr<Optimizer> make_sgd(std::vector<NamedTensor> parameters) {
  return std::make_unique<Sgd>(std::move(parameters), SgdOptions{.lr = 0.01, .momentum = 0.9, .weight_decay = 1e-4});
}

// Random bytes as images, with random labels.
std::shared_ptr<const Dataset> random_images(int64_t count, const Shape& shape, int64_t classes, float mean,
                                             float std) {
  std::vector<uint8_t> pixels(static_cast<size_t>(count * shape.numel()));
  for (size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<uint8_t>(random_word({kSeed, Purpose::test, 0, 0}, i) & 0xFF);
  std::vector<int32_t> labels(static_cast<size_t>(count));
  for (size_t i = 0; i < labels.size(); ++i)
    labels[i] = static_cast<int32_t>(random_below({kSeed, Purpose::test, 1, 0}, i, classes));
  const auto channels = static_cast<size_t>(shape.dim(-1));
  return std::make_shared<ImageArray>(std::move(pixels), shape, std::move(labels), classes,
                                      std::vector<float>(channels, mean), std::vector<float>(channels, std));
}

// Random words as sentences of one length, with random labels.
std::shared_ptr<const Dataset> random_sentences(int64_t count, int64_t length, int64_t vocabulary, int64_t classes) {
  PaddedSentences sentences{std::vector<int32_t>(static_cast<size_t>(count * length)), length};
  std::vector<int32_t> labels(static_cast<size_t>(count));
  for (size_t i = 0; i < sentences.indices.size(); ++i)
    sentences.indices[i] = static_cast<int32_t>(random_below({kSeed, Purpose::test, 0, 0}, i, vocabulary));
  for (size_t i = 0; i < labels.size(); ++i)
    labels[i] = static_cast<int32_t>(random_below({kSeed, Purpose::test, 1, 0}, i, classes));
  return std::make_shared<TextArray>(std::move(sentences), vocabulary, std::move(labels), classes);
}

// Trains one of the image networks on square random images in colour.
Workload image_workload(std::string_view name, int64_t batch_size, int64_t size, const NetworkOptions& options) {
  return {name,
          true,
          batch_size,
          10 * batch_size,
          [=](int64_t samples) {
            return random_images(samples, Shape{size, size, 3}, options.classes, 0.5f, 0.25f);
          },
          [=](Device device) {
            Initializer init(device, kSeed);
            return make_network(name, init, options);
          },
          make_sgd};
}

std::vector<Workload> workloads() {
  const auto fashion_images = [](int64_t samples) {
    return random_images(samples, Shape{28, 28, 1}, 2, 0.1307f, 0.3081f);
  };
  const auto fashion_cnn = [](Device device) {
    Initializer init(device, kSeed);
    return std::make_unique<TwoLayerCnn>(init);
  };
  const auto sentences = [](int64_t samples) { return random_sentences(samples, 56, 20000, 2); };
  const auto word_cnn = [](Device device) {
    Initializer init(device, kSeed);
    return std::make_unique<WordCnn>(init, WordCnnOptions{.vocabulary = 20000});
  };
  return {
      {"fashion_cnn", true, 128, 5120, fashion_images, fashion_cnn, make_adam},
      {"fashion_cnn_eval", false, 1000, 10000, fashion_images, fashion_cnn, make_adam},
      {"word_cnn", true, 128, 7680, sentences, word_cnn, make_adam},
      image_workload("resnet20", 64, 32, {.classes = 10, .stem = ResNetStem::cifar}),
      image_workload("resnet34", 128, 32, {.classes = 10, .stem = ResNetStem::cifar}),
      image_workload("vgg16", 32, 150,
                     {.classes = 2, .image_height = 150, .image_width = 150, .head = VggHead::linear}),
      image_workload("resnet50", 32, 224, {.classes = 14}),
  };
}

struct Options {
  std::string workload, device = "auto", precision = "f32", graph = "on";
  std::optional<int> threads{};  // all cores, or a rank's share of them
  int workers = 1;
  int warmup = 20, steps = 100;
  int64_t batch_size = 0;
  std::optional<ProfileOptions> profile{};
};

// Endless batches, one epoch after the other; all are of the full size.
class Batches {
 public:
  Batches(std::shared_ptr<const Dataset> data, const LoaderOptions& options)
      : loader_(make_split(data, 0, data->size()), options) {
    check(loader_.batches_per_epoch() > 0, "bench: a batch of {} samples, but the workload has {}", options.batch_size,
          data->size());
    loader_.start_epoch(epoch_);
  }
  Batch next() {
    while (true) {
      if (auto batch = loader_.next()) return std::move(*batch);
      loader_.start_epoch(++epoch_);
    }
  }

 private:
  Loader loader_;
  int epoch_ = 0;
};

Batch next_of(Batches& batches) {
  const ProfileSpan span(EventKind::phase, "load");
  return batches.next();
}

// Everything that training does with a batch, including waiting for it and for other ranks.
class TrainingStep {
 public:
  TrainingStep(Batches& batches, Module& model, const Workload& workload, bool graph, Communicator* ranks)
      : batches_(batches), optimizer_(workload.make_optimizer(model.parameters())), ranks_(ranks, model) {
    model.train();
    if (ranks)
      runner_.emplace(model, loss_, *optimizer_, *ranks, false);
    else
      runner_.emplace(model, loss_, *optimizer_, graph);
  }
  TrainingStep(const TrainingStep&) = delete;
  TrainingStep& operator=(const TrainingStep&) = delete;
  double operator()() {
    const double loss = runner_->run(next_of(batches_), kSeed, step_++).item();
    ranks_.after_step(false);
    return loss;
  }

 private:
  Batches& batches_;
  CrossEntropyLoss loss_;
  std::unique_ptr<Optimizer> optimizer_;
  RankSteps ranks_;
  std::optional<StepRunner> runner_;
  uint64_t step_ = 0;
};

// Everything that validation does with a batch.
class EvaluationStep {
 public:
  EvaluationStep(Batches& batches, Module& model) : batches_(batches), model_(model) { model_.eval(); }
  double operator()() {
    const NoGrad no_grad;
    const Batch batch = next_of(batches_);
    const Tensor logits = model_(batch.inputs);
    const double loss = cross_entropy(logits, batch.labels).item();
    const std::vector<int32_t> predicted = argmax(logits).to_vector<int32_t>();
    for (size_t i = 0; i < predicted.size(); ++i) correct_ += predicted[i] == batch.host_labels[i];
    return loss;
  }

 private:
  Batches& batches_;
  Module& model_;
  int64_t correct_ = 0;
};

constexpr double kMib = 1024.0 * 1024.0;

// What a run has taken of memory, as key=value pairs. On a device with memory of its own, peak_mib is what the device
// says is in use once all steps have run (nothing else may use it): the context, the libraries' code, and all that the
// pool keeps. allocated_mib is the most that tensors and workspaces ever took of it. Elsewhere peak_mib is the peak
// resident set of this process.
std::string memory_text(Device device) {
  if (const std::optional<size_t> used = features_of(device).used_memory()) {
    return fmt::format("peak_mib={:.1f} allocated_mib={:.1f}", static_cast<double>(*used) / kMib,
                       static_cast<double>(backend_of(device).memory_stats().peak) / kMib);
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return fmt::format("peak_mib={:.1f}", static_cast<double>(usage.ru_maxrss) / 1024.0);  // Linux counts KiB
}

struct Measured {
  std::vector<double> times;  // of each timed step, in milliseconds
  std::string memory;
  double profile_overhead = 0.0;
  std::string profile{};  // the table; empty where none was asked for
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double milliseconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// Steps that are recorded, each beside one that is not, in turn before and after it. The overhead is the median ratio
// of such pairs, which says little of how busy the machine is.
template <class Step>
void profile_steps(Step&& step, const Options& options, Device device, Measured& measured) {
  StepProfile profile(*options.profile);
  profile.begin(options.workload, device);
  std::vector<double> ratios;
  const auto plain = [&] { return milliseconds_of([&] { step(); }); };
  const auto recorded = [&] {
    return milliseconds_of([&] {
      StepProfile::Step recording(&profile);
      step();
      recording.keep();
    });
  };
  while (measured.profile.empty()) {
    const bool recorded_first = ratios.size() % 2 == 1;
    const double first = recorded_first ? recorded() : plain(), second = recorded_first ? plain() : recorded();
    ratios.push_back(recorded_first ? first / second : second / first);
    measured.profile = profile.report().value_or("");
  }
  measured.profile_overhead = median(ratios);
}

// Runs the warm-up, the timed steps and those that are recorded. Memory is read while the step still holds its own.
template <class Step>
Measured measure(Step&& step, const Options& options, Device device) {
  for (int i = 0; i < options.warmup; ++i) step();
  Measured measured;
  for (int i = 0; i < options.steps; ++i) {
    double loss = 0.0;
    measured.times.push_back(milliseconds_of([&] { loss = step(); }));
    check(std::isfinite(loss), "bench: the loss is {} at timed step {}", loss, i);
  }
  measured.memory = memory_text(device);
  if (options.profile) profile_steps(step, options, device, measured);
  return measured;
}

void run(const Workload& workload, const Options& options, Communicator* ranks) {
  const int threads = options.threads.value_or(ranks ? threads_of_rank(*ranks) : usable_cores());
  set_num_threads(threads);
  const Device device = parse_device(options.device);
  const bool bf16 = options.precision == "bf16";
  features_of(device).set_allow_tf32(options.precision == "tf32");
  if (bf16) features_of(device).check_bf16();
  LoaderOptions loader;
  loader.batch_size = options.batch_size > 0 ? options.batch_size : workload.batch_size;
  loader.sampler = workload.training ? SamplerKind::shuffled : SamplerKind::sequential;
  loader.last_batch = LastBatch::drop;
  loader.seed = kSeed;
  loader.device = device;
  loader.workers = options.workers;
  loader.rank = ranks ? ranks->rank() : 0;
  loader.ranks = ranks ? ranks->size() : 1;
  Batches batches(workload.make_data(std::max(workload.samples, 10 * loader.batch_size)), loader);
  const std::unique_ptr<Module> model = workload.make_model(device);
  model->compute_in_bf16(bf16);
  const Measured measured =
      workload.training
          ? measure(TrainingStep(batches, *model, workload, options.graph == "on", ranks), options, device)
          : measure(EvaluationStep(batches, *model), options, device);
  if (loader.rank > 0) return;
  const std::vector<double>& times = measured.times;
  const double step_ms = median(times);
  const double mean_ms = std::accumulate(times.begin(), times.end(), 0.0) / static_cast<double>(times.size());
  fmt::print(
      "workload={} device={} precision={} graph={} threads={}{} batch_size={} samples_per_second={:.1f} "
      "steps_per_second={:.2f} median_step_ms={:.4f} mean_step_ms={:.4f} {} cpu_variant={}{}\n",
      workload.name, device, options.precision, options.graph, threads,
      loader.ranks > 1 ? fmt::format(" ranks={}", loader.ranks) : "", loader.batch_size,
      1000.0 * static_cast<double>(loader.batch_size) / step_ms, 1000.0 / step_ms, step_ms, mean_ms, measured.memory,
      cpu_variant(), options.profile ? fmt::format(" profile_overhead={:.4f}", measured.profile_overhead) : "");
  if (options.profile) fmt::print("{}\n", measured.profile);
}

void print_names(const std::vector<Workload>& table) {
  for (const Workload& entry : table) fmt::print("{}\n", entry.name);
}

int main_with(int argc, char** argv) {
  const std::vector<Workload> table = workloads();
  Options options;
  bool list = false;
  Flags flags("cofactor_bench", "Times one workload of cofactor and prints one line of key=value pairs.");
  flags.add("--workload", options.workload, "What to time");
  flags.add("--list", list, "Print the workloads' names");
  flags.add("--device", options.device, "auto, cpu, cuda, cuda:N (the GPU number N, from 0) or reference");
  flags.add("--precision", options.precision, "f32, bf16, or tf32 on cuda").one_of({"f32", "bf16", "tf32"});
  flags.add("--graph", options.graph, "on: a training step is recorded once and replayed, on cuda; off")
      .one_of({"on", "off"});
  flags.add("--threads", options.threads, "Threads of the host's kernels, of each rank under mpirun [all cores]");
  flags.add("--workers", options.workers, "Threads that read batches ahead").non_negative();
  flags.add("--warmup", options.warmup, "Steps before the timed ones").non_negative();
  flags.add("--steps", options.steps, "Timed steps").positive();
  flags.add("--batch-size", options.batch_size, "Samples per step; 0: the workload's").non_negative();
  ProfileFlags profile;
  profile.add(flags, "steps after the timed ones, each beside one that is not recorded");
  if (!flags.parse(argc, argv)) return 0;
  if (list) {
    print_names(table);
    return 0;
  }
  if (options.workload.empty()) usage("--workload is missing; --list names them");
  const auto found = std::ranges::find(table, options.workload, &Workload::name);
  if (found == table.end()) usage("--workload {}: there is no such workload; --list names them", options.workload);
  options.profile = profile.resolve(options.precision);
  if (options.profile) {
    options.profile->warm_up = 0;  // the timed steps have run
    options.graph = "off";         // the kernels of a replayed step cannot be told apart
  }
  const std::unique_ptr<Communicator> ranks = join_ranks();
  if (ranks && !found->training) usage("--workload {}: ranks share training steps only", found->name);
  if (ranks && options.profile) usage("--profile: the steps of ranks cannot be profiled");
  if (options.threads && *options.threads < 1) usage("--threads {}: expected a number from 1 on", *options.threads);
  run(*found, options, ranks.get());
  return 0;
}

}  // namespace
}  // namespace cofactor

int main(int argc, char** argv) {
  return cofactor::run_main("cofactor_bench", [&] { return cofactor::main_with(argc, argv); });
}
