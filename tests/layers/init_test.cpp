// Initial weights: distributions, seeds, devices, layouts.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "layers/batch_norm.h"
#include "layers/conv2d.h"
#include "layers/embedding.h"
#include "layers/linear.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

struct Moments {
  double mean = 0.0, variance = 0.0, fourth = 0.0, lowest = INFINITY, highest = -INFINITY;
};

Moments moments_of(const Tensor& tensor) {
  Moments m;
  const std::vector<float> values = tensor.to_vector<float>();
  const auto count = static_cast<double>(values.size());
  for (const double value : values) {
    m.mean += value / count;
    m.lowest = std::min(m.lowest, value);
    m.highest = std::max(m.highest, value);
  }
  for (const double value : values) {
    m.variance += std::pow(value - m.mean, 2) / count;
    m.fourth += std::pow(value - m.mean, 4) / count;
  }
  return m;
}

// Whether the values look uniform in [-bound, bound): five standard errors.
void check_uniform(const Tensor& tensor, double bound) {
  const Moments m = moments_of(tensor);
  const double root = std::sqrt(static_cast<double>(tensor.numel()));
  CHECK(m.lowest >= -bound * (1.0 + 1e-7));
  CHECK(m.highest <= bound * (1.0 + 1e-7));
  CHECK(m.lowest < -0.99 * bound);
  CHECK(m.highest > 0.99 * bound);
  CHECK(std::abs(m.mean) < 5.0 * bound / std::sqrt(3.0) / root);
  CHECK(std::abs(m.variance / (bound * bound / 3.0) - 1.0) < 5.0 * 0.9 / root);
}

std::vector<Tensor> tensors_of(const Module& module) {
  std::vector<Tensor> result;
  for (const auto& [name, tensor] : module.parameters()) result.push_back(tensor);
  return result;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("init: convolutions and linear layers are uniform within 1 / sqrt(fan_in)") {
    Initializer init(Device::reference, 5);
    const Conv2d conv(init, {.in_channels = 30, .out_channels = 64, .kernel_h = 3, .kernel_w = 5});
    const auto c = tensors_of(conv);
    CHECK(c[0].shape() == Shape{64, 3, 5, 30});
    CHECK(c[1].shape() == Shape{64});
    check_uniform(c[0], 1.0 / std::sqrt(30.0 * 3 * 5));
    CHECK(moments_of(c[1]).highest <= 1.0 / std::sqrt(450.0) * (1.0 + 1e-7));

    const Linear linear(init, {.in_features = 40, .out_features = 3000});
    const auto l = tensors_of(linear);
    CHECK(l[0].shape() == Shape{3000, 40});
    check_uniform(l[0], 1.0 / std::sqrt(40.0));
    check_uniform(l[1], 1.0 / std::sqrt(40.0));
  }

  TEST_CASE("init: convolutions and linear layers with a deviation are normal and have no bias at first") {
    Initializer init(Device::reference, 5);
    Conv2dOptions options = Conv2dOptions::square(30, 64, 3);
    options.initial_deviation = Initializer::kaiming_deviation(64 * 3 * 3);
    CHECK(*options.initial_deviation == std::sqrt(2.0 / 576.0));
    const Conv2d conv(init, options);
    const Linear linear(init, {.in_features = 40, .out_features = 300, .initial_deviation = 0.01});
    for (const auto& [module, deviation] : {std::pair{static_cast<const Module*>(&conv), *options.initial_deviation},
                                            std::pair{static_cast<const Module*>(&linear), 0.01}}) {
      const auto tensors = tensors_of(*module);
      const Moments weight = moments_of(tensors[0]), bias = moments_of(tensors[1]);
      const double root = std::sqrt(static_cast<double>(tensors[0].numel())), variance = deviation * deviation;
      CHECK(std::abs(weight.mean) < 5.0 * deviation / root);
      CHECK(std::abs(weight.variance / variance - 1.0) < 5.0 * std::sqrt(2.0) / root);
      // A uniform distribution would have 1.8.
      CHECK(std::abs(weight.fourth / (3.0 * variance * variance) - 1.0) < 5.0 * std::sqrt(96.0) / 3.0 / root);
      CHECK(bias.lowest == 0.0);
      CHECK(bias.highest == 0.0);
    }
    CHECK(throws_saying("0 outputs per input", [] { Initializer::kaiming_deviation(0); }));
  }

  TEST_CASE("init: embeddings are standard normal") {
    Initializer init(Device::reference, 5);
    const Embedding embedding(init, {.count = 500, .dimension = 64});
    const Moments m = moments_of(tensors_of(embedding)[0]);
    const double root = std::sqrt(500.0 * 64.0);
    CHECK(std::abs(m.mean) < 5.0 / root);
    CHECK(m.variance == doctest::Approx(1.0).epsilon(5.0 * std::sqrt(2.0) / root));
    CHECK(m.fourth == doctest::Approx(3.0).epsilon(5.0 * std::sqrt(96.0) / 3.0 / root));  // not uniform: 1.8
  }

  TEST_CASE("init: batch norm starts as the identity with unit statistics") {
    Initializer init(Device::reference, 5);
    const BatchNorm layer(init, {.features = 2});
    const auto state = layer.state();
    const std::vector<float> ones{1, 1}, zeros{0, 0};
    CHECK(state[0].tensor.to_vector<float>() == ones);
    CHECK(state[1].tensor.to_vector<float>() == zeros);
    CHECK(state[2].tensor.to_vector<float>() == zeros);
    CHECK(state[3].tensor.to_vector<float>() == ones);
    CHECK(state[4].tensor.to_vector<int32_t>() == std::vector<int32_t>{0});
  }

  TEST_CASE("init: a seed gives the same weights on every device and another seed gives others") {
    const auto weights = [](Device device, uint64_t seed) {
      Initializer init(device, seed);
      const Conv2d conv(init, Conv2dOptions::square(3, 4, 3));
      const Embedding embedding(init, {.count = 5, .dimension = 6});
      std::vector<std::vector<float>> values;
      for (const Module* module : {static_cast<const Module*>(&conv), static_cast<const Module*>(&embedding)})
        for (const Tensor& tensor : tensors_of(*module)) {
          CHECK(tensor.device() == device);
          values.push_back(tensor.to_vector<float>());
        }
      return values;
    };
    for (const Device device : available_devices()) CHECK(weights(device, 9) == weights(Device::reference, 9));
    const auto first = weights(Device::reference, 9), second = weights(Device::reference, 10);
    for (size_t i = 0; i < first.size(); ++i) CHECK(first[i] != second[i]);
  }

  TEST_CASE("init: each parameter has a stream of its own") {
    Initializer init(Device::reference, 9);
    const Linear a(init, {.in_features = 8, .out_features = 8}), b(init, {.in_features = 8, .out_features = 8});
    const auto first = tensors_of(a), second = tensors_of(b);
    CHECK(first[0].to_vector<float>() != second[0].to_vector<float>());
    CHECK(first[1].to_vector<float>() != second[1].to_vector<float>());
  }

  TEST_CASE("init: draws follow the order of files for any layout in memory") {
    const RandomKey key{.seed = 9, .purpose = Purpose::weights, .index = 0, .step = 0};
    std::vector<float> drawn(24);
    for (size_t i = 0; i < drawn.size(); ++i) drawn[i] = static_cast<float>((2.0 * random_uniform(key, i) - 1.0) * 0.5);
    Initializer conv_init(Device::reference, 9), linear_init(Device::reference, 9);
    // fan_in 4 in both: the bound is 1/2.
    const Conv2d conv(conv_init, Conv2dOptions::square(1, 6, 2));
    CHECK(conv.state()[0].tensor.to_vector<float>() == drawn);
    const Linear linear(linear_init,
                        {.in_features = 4, .out_features = 6, .flattened_height = 1, .flattened_width = 2});
    CHECK(linear.state()[0].tensor.to_vector<float>() == drawn);
    CHECK(linear.parameters()[0].tensor.to_vector<float>() != drawn);
  }

  TEST_CASE("init: f64 parameters hold what f32 ones round") {
    Initializer wide(Device::reference, 9, DType::f64), narrow(Device::reference, 9);
    const std::vector<double> values = wide.uniform({100}, 2.0).to_vector<double>();
    const std::vector<float> rounded = narrow.uniform({100}, 2.0).to_vector<float>();
    for (size_t i = 0; i < values.size(); ++i) CHECK(static_cast<float>(values[i]) == rounded[i]);
    CHECK(throws_saying("i32", [] { Initializer(Device::reference, 0, DType::i32); }));
  }

  TEST_CASE("init: a layer without extent is an error with its values") {
    Initializer init(Device::reference);
    CHECK(throws_saying("0 input and 3 output channels", [&] { Conv2d(init, Conv2dOptions::square(0, 3, 1)); }));
    CHECK(throws_saying("kernel of 0 x 0", [&] { Conv2d(init, Conv2dOptions::square(1, 3, 0)); }));
    CHECK(throws_saying("4 input and 0 output features", [&] { Linear(init, {.in_features = 4}); }));
    CHECK(throws_saying("2 x 3", [&] {
      Linear(init, {.in_features = 4, .out_features = 1, .flattened_height = 2, .flattened_width = 3});
    }));
    CHECK(throws_saying("0 features", [&] { BatchNorm(init, {}); }));
    CHECK(throws_saying("-1 values", [&] { Embedding(init, {.count = 3, .dimension = -1}); }));
  }
}

}  // namespace cofactor::testing
