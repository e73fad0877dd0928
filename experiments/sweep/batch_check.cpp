#include "experiments/sweep/batch_check.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <compare>
#include <set>

#include "data/class_coverage.h"
#include "data/loader.h"
#include "engine/autograd.h"
#include "experiments/sweep/cell_runner.h"
#include "experiments/sweep/cross_fitting.h"
#include "experiments/sweep/loss_flags.h"
#include "experiments/sweep/noises.h"
#include "experiments/sweep/program.h"

namespace cofactor {
namespace {

// Of an epoch, and the parts in which they are computed: without a logical batch, whole. Ranks that share both, each
// with a batch norm of its own.
struct BatchSizes {
  int64_t batch = 0, part = 0;
  int ranks = 1;
  auto operator<=>(const BatchSizes&) const = default;
  bool in_parts() const { return batch != part; }
};

int64_t logical_batch_of(const RunOptions& options, const std::string& method) {
  return method == kPretraining ? 0 : make_loss(method, options_of(options.loss, method))->logical_batch();
}

std::set<BatchSizes> sizes_in_use(const Experiment& experiment, const RunOptions& options) {
  const int64_t pretraining = plan_of(experiment, options, kPretraining).batch_size;
  const int ranks = options.trainer.synchronise_batch_norm ? 1 : ranks_of(options.trainer);
  std::set<BatchSizes> sizes = {{pretraining, pretraining, ranks}};
  for (const std::string& method : options.methods) {
    const int64_t logical = logical_batch_of(options, method);
    for (const int64_t size : batch_sizes_of(experiment, options, method)) {
      sizes.insert({logical == 0 ? size : logical, size, ranks});
    }
  }
  return sizes;
}

bool leaves_one(int64_t samples, const BatchSizes& sizes) {
  const auto has_one = [&](int64_t batch) {
    if (batch == 0) return false;
    const int64_t most = sizes.in_parts() ? share_of(sizes.part, 0, sizes.ranks).count : batch;
    const int smallest = sizes.ranks - 1;  // the share of the last rank
    return part_sizes_of_share(batch, smallest, sizes.ranks, most).back() == 1;
  };
  return has_one(std::min(sizes.batch, samples)) || has_one(samples % sizes.batch);
}

// Whether the network, in training mode, takes a batch of the first `count` samples. Where it does not, `why_not` says
// why.
bool takes(Module& model, const RunOptions& options, const Split& split, int64_t count, std::string& why_not) {
  Loader loader(
      split, {.batch_size = count, .sampler = SamplerKind::sequential, .device = options.trainer.device, .workers = 0});
  loader.start_epoch(0);
  const auto batch = loader.next();
  try {
    const NoGrad no_grad;
    model.train();
    model(batch->inputs);
    return true;
  } catch (const OutOfMemory&) {
    throw;
  } catch (const Error& error) {
    why_not = error.what();
    return false;
  }
}

// What leaves no sample alone, with the nearest sizes below and above: "--batch-size 24 or 26 leaves none alone". From
// parts of 3 for each rank on, only a batch that is too small has a part of one.
std::string sizes_beside(const std::set<int64_t>& counts, const BatchSizes& sizes) {
  const bool in_parts = sizes.in_parts();
  const int64_t part = in_parts ? std::max<int64_t>(sizes.part, 3 * sizes.ranks) : 0;
  const auto leaves_any = [&](const BatchSizes& others) {
    return std::ranges::any_of(counts, [&](int64_t count) { return leaves_one(count, others); });
  };
  if (part > sizes.part && !leaves_any({sizes.batch, part, sizes.ranks}))
    return fmt::format("--batch-size {} leaves none alone", part);
  const auto bad = [&](int64_t size) { return leaves_any({size, in_parts ? part : size, sizes.ranks}); };
  const int64_t all = *counts.rbegin();
  int64_t below = std::min(sizes.batch, all) - 1, above = sizes.batch + 1;
  while (below >= 2 && bad(below)) --below;
  while (above <= all && bad(above)) ++above;  // above all samples, there is one batch
  std::vector<int64_t> good;
  if (below >= 2) good.push_back(below);
  if (!bad(above)) good.push_back(above);
  if (good.empty()) return fmt::format("with {} ranks every size leaves one alone", sizes.ranks);
  std::string flag = in_parts ? std::string(kLogicalBatchFlag) : "--batch-size";
  if (part > sizes.part) flag = fmt::format("--batch-size {} with {}", part, flag);
  return fmt::format("{} {} leaves none alone", flag, fmt::join(good, " or "));
}

std::string lone_sample_of(int64_t samples, const BatchSizes& sizes) {
  if (sizes.ranks > 1)
    return fmt::format("{} {}: of the {} training samples, shared by {} ranks, one has a single sample of a batch{}",
                       sizes.in_parts() ? kLogicalBatchFlag : "--batch-size", sizes.batch, samples, sizes.ranks,
                       sizes.in_parts() ? " or a part" : "");
  if (sizes.in_parts())
    return fmt::format("{} {}: of the {} training samples, in parts of at most {}, a part is one sample",
                       kLogicalBatchFlag, sizes.batch, samples, sizes.part);
  if (sizes.batch == 1) return "--batch-size 1: each batch is one sample";
  return fmt::format("--batch-size {}: the last batch of the {} training samples is one sample", sizes.batch, samples);
}

// The numbers of training samples of all networks: of all samples, and of those outside each fold.
std::set<int64_t> training_sizes(const Experiment& experiment, const RunOptions& options, const ExperimentData& data) {
  std::set<int64_t> sizes = {data.splits.train.size()};
  const int count = options.cross_fitting.folds;
  if (count == 0) return sizes;
  for (const std::string& noise : options.noises) {
    for (const double rate : rates_of(options, noise)) {
      for (const uint64_t seed : options.seeds) {
        const NoisyData noisy = add_noise(data.splits, noise_of(experiment, options, noise, rate), seed);
        const Folds folds = deal_folds(noisy, data.folds, options.class_names, count, seed);
        for (int fold = 1; fold <= count; ++fold) sizes.insert(without_fold(noisy, folds, fold).train.size());
      }
    }
  }
  return sizes;
}

// ---- every class in a batch

constexpr double kUsable = 0.95;    // a smaller expected share of batches with every class is worth a note
constexpr double kProposed = 0.99;  // that of the batches of a size that is proposed

// The labels of a noise at a rate, as far as they are known before they are drawn.
struct NoisyClasses {
  std::string label;           // "uniform, rate 0.2"
  std::vector<int64_t> sizes;  // expected
};

std::vector<NoisyClasses> noisy_classes(const Experiment& experiment, const RunOptions& options, const Split& train) {
  const std::vector<int64_t> counts = train.class_counts();
  std::vector<NoisyClasses> all;
  for (const std::string& noise : options.noises) {
    for (const double rate : rates_of(options, noise)) {
      const Transition transition = noise_of(experiment, options, noise, rate);
      NoisyClasses classes{.label = has_rate(noise) ? fmt::format("{}, rate {:g}", noise, rate) : noise, .sizes = {}};
      for (int64_t to = 0; to < transition.classes(); ++to) {
        double expected = 0.0;
        for (int64_t from = 0; from < transition.classes(); ++from) {
          expected += static_cast<double>(counts[static_cast<size_t>(from)]) * transition.at(from, to);
        }
        classes.sizes.push_back(std::llround(expected));
      }
      if (std::ranges::min(classes.sizes) > 0) all.push_back(std::move(classes));  // else a later check names the class
    }
  }
  return all;
}

// The share of batches of so many samples that is expected to have every class.
double usable_share(SamplerKind sampler, const std::vector<int64_t>& class_sizes, int64_t batch_size) {
  if (sampler != SamplerKind::stratified) return coverage_probability(class_sizes, batch_size);
  if (complete_batch_size(class_sizes, batch_size) == batch_size) return 1.0;
  std::vector<int32_t> labels;
  for (size_t c = 0; c < class_sizes.size(); ++c) {
    labels.insert(labels.end(), static_cast<size_t>(class_sizes[c]), static_cast<int32_t>(c));
  }
  const auto batches = make_batches(sampler, labels, batch_size, LastBatch::keep, {.purpose = Purpose::shuffle});
  const auto complete = std::ranges::count_if(batches, [&](const std::vector<int64_t>& batch) {
    std::set<int32_t> seen;
    for (const int64_t position : batch) seen.insert(labels[static_cast<size_t>(position)]);
    return seen.size() == class_sizes.size();
  });
  return static_cast<double>(complete) / static_cast<double>(batches.size());
}

std::string percent(double share) {
  if (share > 0.0 && share < 0.0005) return "less than 0.1%";
  if (share < 1.0 && share >= 0.9995) return "more than 99.9%";
  return fmt::format("{:.1f}%", 100.0 * share);
}

// "--dmi-batch 930, computed in parts of at most 16, holds every class in 99.1% of the batches".
std::string proposal(SamplerKind sampler, const NoisyClasses& classes, const BatchSizes& sizes) {
  const int64_t least = std::max(sizes.batch, std::ssize(classes.sizes));
  const int64_t stratified = complete_batch_size(classes.sizes, least);
  const std::string parts = fmt::format("computed in parts of at most {}", sizes.part);
  if (sampler == SamplerKind::stratified)
    return fmt::format("{} {}, {}, holds every class", kLogicalBatchFlag, stratified, parts);
  const int64_t shuffled = covering_batch(classes.sizes, kProposed);
  return fmt::format("{} {}, {}, holds every class with probability {}; with --sampler stratified, {} {} always does",
                     kLogicalBatchFlag, shuffled, parts, percent(coverage_probability(classes.sizes, shuffled)),
                     kLogicalBatchFlag, stratified);
}

}  // namespace

void check_lone_samples(const Experiment& experiment, const RunOptions& options, const ExperimentData& data) {
  const Split& train = data.splits.train;
  if (train.size() < 2) return;
  const std::set<int64_t> counts = training_sizes(experiment, options, data);
  for (const BatchSizes& sizes : sizes_in_use(experiment, options)) {
    const auto lone = std::ranges::find_if(counts, [&](int64_t count) { return leaves_one(count, sizes); });
    if (lone == counts.end()) continue;
    const auto model = data.make_model(options.seeds.front(), options.trainer.device);
    model->compute_in_bf16(options.precision == "bf16");
    std::string why, ignored;
    if (takes(*model, options, train, 1, why) || !takes(*model, options, train, 2, ignored)) return;
    usage("{}, and the network does not train on one sample alone ({}); {}", lone_sample_of(*lone, sizes), why,
          sizes_beside(counts, sizes));
  }
}

std::vector<std::string> check_classes_in_batches(const Experiment& experiment, const RunOptions& options,
                                                  const Split& train) {
  std::vector<std::string> notes;
  std::vector<NoisyClasses> all;
  for (const std::string& method : options.methods) {
    if (!make_loss(method, options_of(options.loss, method))->needs_every_class()) continue;
    if (all.empty()) all = noisy_classes(experiment, options, train);
    const int64_t logical = logical_batch_of(options, method);
    const int64_t part = std::ranges::min(batch_sizes_of(experiment, options, method));
    const BatchSizes sizes{logical == 0 ? part : logical, part, 1};
    const std::string given = fmt::format("{} {}", logical == 0 ? "--batch-size" : kLogicalBatchFlag, sizes.batch);
    const NoisyClasses* worst = nullptr;
    double share = 1.0;
    for (const NoisyClasses& classes : all) {
      const double its_share =
          usable_share(options.trainer.sampler, classes.sizes, std::min(sizes.batch, train.size()));
      if (!worst || its_share < share) worst = &classes, share = its_share;
    }
    if (const auto classes = std::ssize(options.class_names); sizes.batch < classes) {
      usage("{}: {} needs every class in a batch, and there are {}{}", given, method, classes,
            worst ? "; " + proposal(options.trainer.sampler, *worst, sizes) : "");
    }
    if (!worst || share >= kUsable) continue;
    notes.push_back(fmt::format(
        "{}: {} of the batches are expected to hold all {} classes ({}), and {} skips the others; {}", given,
        percent(share), worst->sizes.size(), worst->label, method, proposal(options.trainer.sampler, *worst, sizes)));
  }
  return notes;
}

}  // namespace cofactor
