// An experiment small enough to run inside a test: points in the plane, a linear classifier.
#pragma once

#include <unistd.h>

#include <memory>

#include "data/image_array.h"
#include "data/noise/synthetic.h"
#include "engine/ops/layout.h"
#include "engine/random.h"
#include "experiments/sweep/experiment.h"
#include "layers/init.h"
#include "layers/linear.h"

namespace cofactor::testing {

// Images of two pixels; class 0 is bright on the left, class 1 on the right.
inline std::shared_ptr<const Dataset> small_points(int64_t count, uint64_t seed = 1) {
  std::vector<uint8_t> pixels;
  std::vector<int32_t> labels;
  const RandomKey key{.seed = seed};
  for (int64_t i = 0; i < count; ++i) {
    const int64_t label = random_below(key, static_cast<uint64_t>(3 * i), 2);
    const auto bright = static_cast<uint8_t>(150 + random_below(key, static_cast<uint64_t>(3 * i + 1), 100));
    const auto dark = static_cast<uint8_t>(random_below(key, static_cast<uint64_t>(3 * i + 2), 100));
    labels.push_back(static_cast<int32_t>(label));
    pixels.push_back(label == 0 ? bright : dark);
    pixels.push_back(label == 0 ? dark : bright);
  }
  return std::make_shared<ImageArray>(std::move(pixels), Shape{1, 2, 1}, std::move(labels), 2, std::vector<float>{0.5f},
                                      std::vector<float>{0.25f});
}

inline DataSplits small_splits(int64_t train = 60, int64_t validation = 20, int64_t test = 20) {
  const auto data = small_points(train + validation);
  return {make_split(data, 0, train), make_split(data, train, validation), make_split(small_points(test, 2), 0, test)};
}

class SmallNetwork : public Module {
 public:
  explicit SmallNetwork(uint64_t seed, Device device) {
    Initializer init(device, seed);
    linear_ = register_module("fc", std::make_shared<Linear>(init, LinearOptions{.in_features = 2, .out_features = 2}));
  }
  Tensor forward(const Tensor& x) override { return (*linear_)(flatten(x)); }

 private:
  std::shared_ptr<Linear> linear_;
};

inline ExperimentData small_data(int64_t train = 60) {
  return {small_splits(train),
          [](uint64_t seed, Device device) { return std::make_unique<SmallNetwork>(seed, device); }};
}

inline ExperimentTable small_table() {
  ExperimentTable table{.name = "small", .description = "points in the plane", .paper = "none"};
  table.class_names = {"left", "right"};
  table.noises = {"uniform", "flip"};
  table.pretraining = {.optimizer = OptimizerKind::adam, .lr = 0.05, .epochs = 3, .batch_size = 20};
  table.finetuning = {{"dmi",
                       {.optimizer = OptimizerKind::sgd,
                        .lr = 0.1,
                        .lr_steps = {{2, 0.01}},
                        .momentum = 0.9,
                        .epochs = 3,
                        .batch_size = 20}}};
  table.default_data = "nowhere";
  table.default_noises = {"flip"};
  table.default_methods = {"ce", "dmi"};
  table.default_rates = {0.25};
  return table;
}

class SmallExperiment : public Experiment {
 public:
  explicit SmallExperiment(ExperimentTable table = small_table()) : Experiment(std::move(table)) {}

  Transition transition(const std::vector<std::string>&, std::string_view noise, double rate) const override {
    return noise == "uniform" ? uniform_noise(2, rate) : flip_noise(2, {{0, 1}}, rate);
  }
  ExperimentData load(const Folders&, const std::vector<std::string>&) const override { return small_data(); }
};

}  // namespace cofactor::testing
