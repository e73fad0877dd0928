// L_DMI with a hundred classes in batches of sixteen samples.
#include <doctest/doctest.h>

#include "data/noise/synthetic.h"
#include "engine/ops/reduce.h"
#include "experiments/training/evaluate.h"
#include "layers/activation.h"
#include "losses/cross_entropy.h"
#include "losses/dmi.h"
#include "tests/experiments/training/phase_bench.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

constexpr int64_t kManyClasses = 100, kPixels = 48;

// Images in a hundred classes: a random one for each class, and noise on every pixel.
std::shared_ptr<const Dataset> hundred_classes(int64_t count) {
  const RandomKey key{.seed = 8};
  std::vector<uint8_t> pixels;
  std::vector<int32_t> labels;
  uint64_t draw = kManyClasses * kPixels;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t label = i % kManyClasses;
    labels.push_back(static_cast<int32_t>(label));
    for (int64_t pixel = 0; pixel < kPixels; ++pixel) {
      const int64_t base = 60 + random_below(key, static_cast<uint64_t>(label * kPixels + pixel), 100);
      pixels.push_back(static_cast<uint8_t>(base - 60 + random_below(key, draw++, 120)));
    }
  }
  return std::make_shared<ImageArray>(std::move(pixels), Shape{6, 8, 1}, std::move(labels), kManyClasses,
                                      std::vector<float>{0.43f}, std::vector<float>{0.2f});
}

class HundredNetwork : public Module {
 public:
  HundredNetwork() {
    Initializer init(Device::cpu, 1);
    fc_ = register_module("fc", std::make_shared<Linear>(init, kPixels, kManyClasses));
  }
  Tensor forward(const Tensor& x) override { return (*fc_)(flatten(x)); }

 private:
  std::shared_ptr<Linear> fc_;
};

struct HundredBench : PhaseBench {
  HundredBench() {
    const auto images = hundred_classes(7000);
    const Transition noise = uniform_noise(kManyClasses, 0.3);
    const auto noisy = [&](int64_t first, int64_t count) {
      Split split = make_split(images, first, count);
      split.labels = noise.draw_labels(split.labels, split.indices, {.seed = 4, .purpose = Purpose::labels});
      return split;
    };
    data = {noisy(0, 5000), noisy(5000, 1000)};
    test = make_split(images, 6000, 1000);
    options.device = Device::cpu;
    phase.plan = {.optimizer = OptimizerKind::adam, .lr = 0.001, .epochs = 1, .batch_size = 16};
  }
  double accuracy(Module& model) const {
    Loader loader(test, {.batch_size = 1000, .sampler = SamplerKind::sequential, .workers = 0});
    return confusion(predict(model, loader, "test")).accuracy();
  }
  Split test;
};

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("a hundred classes: L_DMI learns from batches of 16 with a logical batch of 1000 and not without") {
    HundredBench pretraining;
    HundredNetwork network;
    CrossEntropyLoss cross_entropy;
    pretraining.train(network, cross_entropy);
    const double before = pretraining.accuracy(network);
    const auto pretrained = network.state();

    HundredBench alone, logical;
    for (HundredBench* bench : {&alone, &logical}) {
      bench->phase.first_epoch = 1;
      bench->phase.plan.epochs = 12;
      bench->phase.plan.lr = 0.01;
    }
    DmiLoss small_batches, logical_batches({.batch = 1000});
    const std::string refusal = error_of([&] { alone.train(network, small_batches); });
    CHECK(contains(refusal, "each of the 313 batches of epoch 1 lacks a class and was skipped"));
    CHECK(alone.accuracy(network) == before);

    network.load_state(pretrained);
    const auto history = logical.train(network, logical_batches);
    const double after = logical.accuracy(network);
    MESSAGE("accuracy ", before, " after pre-training and ", after, " after L_DMI");
    CHECK(after > before + 20.0);
    CHECK(after > 70.0);
    for (const EpochMetrics& epoch : history) {
      CHECK(epoch.batches == 5);
      CHECK(epoch.skipped_batches <= 1);
    }
  }
}
