#include "experiments/sweep/batch_check.h"

#include <set>

#include "data/loader.h"
#include "engine/autograd.h"
#include "experiments/sweep/program.h"

namespace cofactor {
namespace {

std::set<int64_t> sizes_in_use(const Experiment& experiment, const RunOptions& options) {
  std::set<int64_t> sizes = {plan_of(experiment, options, kPretraining).batch_size};
  for (const std::string& method : options.methods) {
    for (const int64_t size : batch_sizes_of(experiment, options, method)) sizes.insert(size);
  }
  return sizes;
}

bool leaves_one(int64_t samples, int64_t batch_size) {
  return batch_size == 1 || samples % batch_size == 1;
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

// The nearest batch sizes below and above that leave no sample alone: "24 or 26".
std::string sizes_beside(int64_t samples, int64_t batch_size) {
  int64_t below = std::min(batch_size, samples) - 1, above = batch_size + 1;
  while (below >= 2 && leaves_one(samples, below)) --below;
  while (leaves_one(samples, above)) ++above;
  return below >= 2 ? fmt::format("{} or {}", below, above) : fmt::format("{}", above);
}

}  // namespace

void check_lone_samples(const Experiment& experiment, const RunOptions& options, const ExperimentData& data) {
  const Split& train = data.splits.train;
  if (train.size() < 2) return;
  for (const int64_t size : sizes_in_use(experiment, options)) {
    if (!leaves_one(train.size(), size)) continue;
    const auto model = data.make_model(options.seeds.front(), options.trainer.device);
    model->compute_in_bf16(options.precision == "bf16");
    std::string why, ignored;
    if (takes(*model, options, train, 1, why) || !takes(*model, options, train, 2, ignored)) return;
    usage(
        "--batch-size {}: {}, and the network does not train on one sample alone ({}); --batch-size {} leaves none "
        "alone",
        size,
        size == 1 ? std::string("each batch is one sample")
                  : fmt::format("the last batch of the {} training samples is one sample", train.size()),
        why, sizes_beside(train.size(), size));
  }
}

}  // namespace cofactor
